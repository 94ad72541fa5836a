import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Board, NODE_ARCHITECTURE } from "../board.ts";
import { foreignPackage } from "./foreign-package.ts";
import { type LockedPackage, readLock } from "./npm-lock.ts";

/** Loaded by name while the program runs: parts in C, which no bundler takes, and what is asked for like them. */
const LOADED = /createRequire\(import\.meta\.url\)\("([^"]+)"\)/g;

/** A file of a package, where it comes from and where it goes to. */
export interface PackageFile {
  from: string;
  path: string;
}

export interface RunTimePackages {
  files: PackageFile[];
  /** The names of the packages. */
  names: string[];
  /** Bun's own program. */
  bun: string;
}

/**
 * The packages that the bundled program loads by name, with all that they need, and Bun itself; for the board's processor.
 * @throws {Error} when a package is not in the lockfile
 */
export async function runTimePackages(
  project: string,
  board: Board,
  cache: string,
): Promise<RunTimePackages> {
  const lock = readLock(project);
  const architecture = NODE_ARCHITECTURE[board.architecture];
  const native = `@node-datachannel/linux-${architecture}-gnu`;
  const bun = `@oven/bun-linux-${board.architecture === "arm64" ? "aarch64" : "x64"}`;
  const names = closure(lock, [...namesLoaded(project), native]);
  const files: PackageFile[] = [];
  for (const name of names) {
    const folder = await folderOf(project, lock, name, cache);
    for (const file of [...new Bun.Glob("**/*").scanSync({ cwd: folder, dot: true })].sort()) {
      if (isForOthers(file, architecture)) continue;
      files.push({ from: join(folder, file), path: join("node_modules", name, file) });
    }
  }
  // Where Bun's package has been installed it has moved its program into `bun` (its install.js).
  const own = join(project, "node_modules/bun/bin/bun.exe");
  const program =
    process.arch === architecture ? own : join(await folderOf(project, lock, bun, cache), "bin/bun");
  return { files, names: [...names, bun], bun: program };
}

function namesLoaded(project: string): string[] {
  const sources = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: project })].sort();
  return sources.flatMap((path) =>
    [...readFileSync(join(project, path), "utf8").matchAll(LOADED)].map(([, name = ""]) => name),
  );
}

/** In alphabetical order. */
function closure(lock: ReadonlyMap<string, LockedPackage>, names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    for (const needed of locked(lock, name).dependencies) visit(needed);
  };
  for (const name of names) visit(name);
  return [...found].sort();
}

function locked(lock: ReadonlyMap<string, LockedPackage>, name: string): LockedPackage {
  const found = lock.get(`node_modules/${name}`);
  if (found === undefined) throw new Error(`${name} is not in package-lock.json`);
  return found;
}

async function folderOf(
  project: string,
  lock: ReadonlyMap<string, LockedPackage>,
  name: string,
  cache: string,
): Promise<string> {
  const installed = join(project, "node_modules", name);
  return existsSync(join(installed, "package.json")) ? installed : foreignPackage(locked(lock, name), cache);
}

/** Packages bring their parts in C for every system. */
function isForOthers(file: string, architecture: string): boolean {
  const [, system] = /^prebuilds\/([^/]+)\//.exec(file) ?? [];
  return system !== undefined && system !== `linux-${architecture}`;
}
