import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Who a process without rights runs as. */
export interface UnprivilegedUser {
  /** Undefined: the daemon's own user, because it is not root or because others cannot read the program. */
  ids: { uid: number; gid: number } | undefined;
  /** Put before a command: gives up everything for good (setpriv(1)). */
  prefix: readonly string[];
}

const DROP_ALL = ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];

/** Put before a command that keeps the daemon's user and gives up every capability for good. */
export function withoutRights(): readonly string[] {
  return ["setpriv", "--no-new-privs", ...(process.getuid?.() === 0 ? DROP_ALL : [])];
}

/**
 * The user for processes that face guests: `names` in order, as far as they exist. When the program or the run folder lies
 * where other users cannot go (a checkout in root's home), the process keeps its user and gives up its capabilities alone.
 */
export function unprivilegedUser(
  names: readonly string[],
  program: string,
  runFolder: string,
): UnprivilegedUser {
  const isRoot = process.getuid?.() === 0;
  const ids = isRoot && isReadableByAll(program) && isReachableByAll(runFolder) ? lookUp(names) : undefined;
  if (!ids) return { ids: undefined, prefix: withoutRights() };
  return { ids, prefix: [...withoutRights(), `--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups"] };
}

/** @returns undefined where /etc/passwd has no such user */
export const namedUser = (name: string): { uid: number; gid: number } | undefined => lookUp([name]);

function lookUp(names: readonly string[]): { uid: number; gid: number } | undefined {
  const rows = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of names) {
    const row = rows.find((fields) => fields[0] === name);
    if (row?.[2] !== undefined && row[3] !== undefined) return { uid: Number(row[2]), gid: Number(row[3]) };
  }
  return undefined;
}

const OTHERS_READ = 0o004;
const OTHERS_ENTER = 0o001;

function isReadableByAll(program: string): boolean {
  return (statSync(program).mode & OTHERS_READ) !== 0 && isReachableByAll(dirname(resolve(program)));
}

function isReachableByAll(lowest: string): boolean {
  for (let folder = resolve(lowest); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & OTHERS_ENTER) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
