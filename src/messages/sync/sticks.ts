import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";

const LOOK_EVERY_MS = 3_000;
/** The folder that says: messages may be left here. */
export const STICK_FOLDER = "omerta-messages";

/** A file system where it is mounted. */
export interface Mount {
  /** Another one each time that something is mounted (proc_pid_mountinfo(5), field 1). */
  id: string;
  path: string;
}

/** What is mounted beneath a folder, from the kernel's table (proc_pid_mountinfo(5)). */
export function mountsBeneath(mountinfo: string, folder: string): Mount[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" "))
    .map(([id = "", , , , path = ""]) => ({ id, path: unescaped(path) }))
    .filter(({ path }) => path.startsWith(`${folder.replace(/\/+$/, "")}/`));
}

/** A space, a tab, a line's end and a backslash stand as three octal digits behind a backslash. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));

export interface SticksOptions {
  /** Where sticks are mounted. */
  beneath: string;
  /** Takes what is there and leaves what is missing; called once each time that a stick comes. */
  exchange: (folder: string, label: string) => Promise<void>;
  timers: Timers;
  log: Logger;
  /** The kernel's table; default: this process's own. */
  mountinfo?: () => Promise<string>;
}

/** Sees USB sticks come that have a folder for messages. */
export class Sticks {
  /** Mounts that were dealt with. */
  private readonly done = new Set<string>();
  private end: () => Promise<void> = async () => {};

  constructor(private readonly options: SticksOptions) {}

  start(): void {
    const { log, timers } = this.options;
    this.end = atIntervals(
      LOOK_EVERY_MS,
      () => this.look(),
      (error) => log.error({ error }, "sticks"),
      timers,
    );
  }

  async stop(): Promise<void> {
    await this.end();
    this.done.clear();
  }

  private async look(): Promise<void> {
    const {
      beneath,
      exchange,
      log,
      mountinfo = () => readFile("/proc/self/mountinfo", "utf8"),
    } = this.options;
    const mounts = mountsBeneath(await mountinfo(), beneath);
    const there = new Set(mounts.map(keyOf));
    for (const key of this.done) if (!there.has(key)) this.done.delete(key);
    for (const mount of mounts) {
      const folder = join(mount.path, STICK_FOLDER);
      if (this.done.has(keyOf(mount)) || !(await isFolder(folder))) continue;
      this.done.add(keyOf(mount));
      // A stick that breaks, or is pulled out, is none of the next one's business.
      await exchange(folder, basename(mount.path)).catch((error) =>
        log.error({ error }, `stick ${mount.path}`),
      );
    }
  }
}

const keyOf = ({ id, path }: Mount): string => `${id} ${path}`;

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
