import { closeSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { readTar, type TarEntry, TarError } from "../tar/read-tar.ts";
import { TAR_END, type TarFile, writeFiles } from "../tar/write-tar.ts";
import { isLeftOut } from "./left-out.ts";

const CHUNK = 4_194_304;
const HARD_LINK = "1";

type Write = (chunk: Uint8Array) => Promise<void>;

/**
 * Writes the root file system as a tar: what Debian's packages brought, as it is, without what is left out or replaced, and
 * our own files behind it.
 * @throws {TarError} when a hard link would point to what is left out
 */
export async function writeRoot(
  base: string,
  own: readonly TarFile[],
  write: Write,
  seconds: number,
): Promise<void> {
  const entries = readTar(base);
  const replaced = new Set(own.map(({ path }) => path));
  const stays = new Set(entries.map(({ path }) => path).filter((path) => !isLeftOut(path)));
  // A folder goes only with all that is in it: one that no entry stood for would be the builder's.
  const folders = new Set([...stays, ...replaced].flatMap(foldersOf));
  const kept = entries.filter(({ path }) => !replaced.has(path) && (stays.has(path) || folders.has(path)));
  const paths = new Set(kept.map(({ path }) => path));
  for (const { path, type, target } of kept)
    if (type === HARD_LINK && !paths.has(target.replace(/^\.\//, "")))
      throw new TarError(`${path} is a link to ${target}, which is left out`);
  await copyEntries(base, kept, write);
  await writeFiles(withFolders(own, paths), write, seconds);
  await write(TAR_END);
}

/** Those in which something is, the nearest first. */
function foldersOf(path: string): string[] {
  const above = dirname(path);
  return above === "." ? [] : [above, ...foldersOf(above)];
}

/** Each folder before what is in it, and the parts in the order of their paths. */
function withFolders(own: readonly TarFile[], there: ReadonlySet<string>): TarFile[] {
  const files = new Map(own.map((file) => [file.path, file]));
  for (const above of own.flatMap(({ path }) => foldersOf(path)))
    if (!there.has(above) && !files.has(above)) files.set(above, { path: above, is: { folder: true } });
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function copyEntries(base: string, entries: readonly TarEntry[], write: Write): Promise<void> {
  const handle = openSync(base, "r");
  try {
    for (const { from, to } of joined(entries)) {
      for (let at = from; at < to; ) {
        const chunk = Buffer.alloc(Math.min(CHUNK, to - at));
        const read = readSync(handle, chunk, 0, chunk.length, at);
        if (read === 0) throw new TarError(`${base} ends at ${at}`);
        await write(chunk.subarray(0, read));
        at += read;
      }
    }
  } finally {
    closeSync(handle);
  }
}

/** What stands one behind the other is copied at once. */
function joined(entries: readonly TarEntry[]): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { start, end } of entries) {
    const last = ranges.at(-1);
    if (last?.to === start) last.to = end;
    else ranges.push({ from: start, to: end });
  }
  return ranges;
}
