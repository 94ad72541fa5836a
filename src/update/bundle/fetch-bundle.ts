import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { bundleId } from "./bundle-shelf.ts";
import { MAX_TAIL_BYTES, readLayout } from "./layout.ts";
import { CHUNK_BYTES, PartialBundle } from "./partial-bundle.ts";

/** Where a bundle can be had from: a neighbour, a web server. */
export interface BundleSource {
  /** What it is called in words. */
  readonly name: string;
  /** The bundle's size. */
  readonly bytes: number;
  /** What it is said to be, where that is known ahead. */
  readonly id?: string;
  /** @throws when it cannot be had, or no more */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Who offers something else than was signed. */
export class BadSourceError extends Error {
  override readonly name = "BadSourceError";
}

export interface FetchOptions {
  source: BundleSource;
  /** A file for what has come so far of a bundle, and beside it one for its end. */
  partFor: (id: string) => string;
  /** Where the whole one goes. */
  placeFor: (id: string) => string;
  /** Asks RAUC about a file that has the bundle's size and only its end. @throws when it would not install it */
  checkSignature: (path: string) => Promise<void>;
  /** Waits until so many bytes may be fetched. @throws when no more is to be fetched */
  room: (bytes: number) => Promise<void>;
  /** How far it has come. */
  progress: (goodBytes: number, bytes: number) => void;
}

/**
 * Fetches a bundle, and goes on where an earlier try ended: first its end with the signature, which says whether it is
 * worth anything, then the hashes that the signature leads to, then the content. So not a byte is fetched of a bundle that
 * would be refused, and not one is kept that was not signed.
 * @returns its id
 * @throws {BadSourceError} when the source lies; another may have it. Whatever the source or the checks throw.
 */
export async function fetchBundle(options: FetchOptions): Promise<string> {
  const { source, partFor, placeFor, checkSignature, room, progress } = options;
  const tail = await tailOf(source, room);
  const id = bundleId(tail, source.bytes);
  if (source.id !== undefined && source.id !== id)
    throw new BadSourceError(`${source.name} gives another bundle than it says`);
  const partPath = partFor(id);
  await mkdir(dirname(partPath), { recursive: true });
  await withOnlyTheTail(`${partPath}.tail.raucb`, tail, source.bytes, checkSignature);
  const part = await PartialBundle.open(partPath, tail, source.bytes);
  try {
    for (let chunk = part.next(); chunk; chunk = part.next()) {
      progress(part.goodBytes, source.bytes);
      await room(chunk.length);
      const bytes = await source.read(chunk.offset, chunk.length);
      if (!(await part.take(chunk, bytes)))
        throw new BadSourceError(
          `${source.name} gives something else than was signed, at byte ${chunk.offset}`,
        );
    }
  } catch (error) {
    await part.close();
    throw error;
  }
  await part.finish(placeFor(id));
  progress(source.bytes, source.bytes);
  return id;
}

/** In pieces, so that the rate is kept. */
async function tailOf(source: BundleSource, room: FetchOptions["room"]): Promise<Uint8Array> {
  // Most signatures are a few kilobytes: more than the first piece is seldom needed.
  const first = Math.min(source.bytes, CHUNK_BYTES / 4);
  let tail = await piece(source, source.bytes - first, first, room);
  for (;;) {
    try {
      readLayout(tail, source.bytes);
      return tail;
    } catch (error) {
      const wanted = Math.min(source.bytes, MAX_TAIL_BYTES);
      if (tail.length >= wanted) throw error;
      const more = Math.min(wanted - tail.length, CHUNK_BYTES);
      tail = Buffer.concat([await piece(source, source.bytes - tail.length - more, more, room), tail]);
    }
  }
}

async function piece(source: BundleSource, offset: number, length: number, room: FetchOptions["room"]) {
  await room(length);
  const bytes = await source.read(offset, length);
  if (bytes.length !== length)
    throw new BadSourceError(`${source.name} gives ${bytes.length} bytes in place of ${length}`);
  return bytes;
}

/** RAUC reads a bundle's signature and manifest without its content. */
async function withOnlyTheTail(
  path: string,
  tail: Uint8Array,
  bytes: number,
  check: (path: string) => Promise<void>,
): Promise<void> {
  const handle = await open(path, "w", 0o600);
  try {
    await handle.truncate(bytes);
    await handle.write(tail, 0, tail.length, bytes - tail.length);
    await handle.close();
    await check(path);
  } finally {
    await handle.close().catch(() => undefined);
    await rm(path, { force: true });
  }
}
