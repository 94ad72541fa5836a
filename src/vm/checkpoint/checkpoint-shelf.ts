import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../host/clock.ts";
import type { Logger } from "../../host/log.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { type CheckpointHead, checkpointBytes, readCheckpointHead, writeAll } from "./checkpoint-head.ts";

export interface ShelfLimits {
  /** How long one is kept, from when this daemon first had it: a clock that jumps takes nothing away. */
  keptMs: number;
  /** Of all together, and what has to stay free on the medium beside them. */
  mostBytes: number;
  keptFreeBytes: number;
  /** Of one requester: their oldest gives way. */
  mostEach: number;
  /** One that is brought, and of which nothing comes for so long, is given up. */
  idleMs: number;
}

const GIB = 2 ** 30;
export const USUAL_SHELF: ShelfLimits = {
  keptMs: 86_400_000,
  mostBytes: 4 * GIB,
  keptFreeBytes: GIB / 2,
  mostEach: 2,
  idleMs: 600_000,
};

export interface ShelfOptions {
  /** On a medium: what lies in it is sealed. Made with mode 0700. */
  folder: string;
  limits: ShelfLimits;
  clock: Pick<Clock, "monotonicMs">;
  log: Logger;
  /** Free bytes of the folder's medium; tests say others. */
  freeBytes?: (folder: string) => number;
}

/** One that is here. */
export interface ShelvedCheckpoint {
  path: string;
  head: CheckpointHead;
  bytes: number;
}

interface Entry {
  id: string;
  requester: string;
  /** In the end. */
  bytes: number;
  /** On the medium. */
  arrived: number;
  /** undefined: it is being saved. */
  head: CheckpointHead | undefined;
  isWhole: boolean;
  /** When it came here, or anything of it last did. */
  sinceMs: number;
  /** Nobody may take it away meanwhile. */
  users: number;
  isBeingWritten: boolean;
}

const WHOLE = /^([0-9a-f]{32})\.checkpoint$/;

/** The checkpoints that a box keeps for a time: those that it saved, and those that somebody brings. */
export class CheckpointShelf {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: ShelfOptions) {}

  /** Finds what an earlier daemon kept; what it had only begun is removed. */
  async start(): Promise<void> {
    const { folder, clock, log } = this.options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const [, id] = WHOLE.exec(name) ?? [];
      const head = id === undefined ? undefined : await wholeHead(path, id).catch(() => undefined);
      if (id === undefined || head === undefined) {
        log.info(`${name} is no whole checkpoint, and is removed`);
        rmSync(path, { force: true, recursive: true });
        continue;
      }
      const bytes = checkpointBytes(head);
      const { requester } = head.header;
      const since = { sinceMs: clock.monotonicMs(), users: 0, isBeingWritten: false };
      this.entries.set(id, { id, requester, bytes, arrived: bytes, head, isWhole: true, ...since });
    }
  }

  /** One that is here as a whole. */
  find(id: string): ShelvedCheckpoint | undefined {
    this.tidy();
    const entry = this.entries.get(id);
    if (!entry?.isWhole || !entry.head) return undefined;
    return { path: this.pathOf(entry), head: entry.head, bytes: entry.bytes };
  }

  /**
   * Keeps room for one that is to be saved.
   * @param mostBytes that it may have
   * @returns where it is to be written
   * @throws {CheckpointError} when there is no room
   */
  beginSaving(id: string, requester: string, mostBytes: number): string {
    this.remove(id);
    this.makeRoom(requester, mostBytes);
    return this.pathOf(this.put({ id, requester, bytes: mostBytes, head: undefined, users: 1 }));
  }

  /** It was written where it was to be. */
  saved(id: string, head: CheckpointHead): void {
    const entry = this.entries.get(id);
    if (entry === undefined || entry.isWhole) throw new Error(`checkpoint ${id} was not begun`);
    this.complete({ ...entry, head, bytes: checkpointBytes(head), users: 0 });
  }

  /**
   * Somebody brings one: the same again goes on.
   * @returns how many of its bytes are here
   * @throws {CheckpointError} when there is no room, or another one of this name is here
   */
  async beginArriving(head: CheckpointHead): Promise<number> {
    this.tidy();
    const { id, requester } = head.header;
    const here = this.entries.get(id);
    if (here?.head && Buffer.from(here.head.bytes).equals(head.bytes)) return here.arrived;
    if (here) throw new CheckpointError("checkpoint.id", "is that of another one that is here");
    const bytes = checkpointBytes(head);
    this.makeRoom(requester, bytes);
    const entry = this.put({ id, requester, bytes, head, users: 0 });
    rmSync(this.pathOf(entry), { force: true });
    await this.write(entry, 0, [head.bytes]);
    return entry.arrived;
  }

  /**
   * The next bytes of one that is brought.
   * @param at how many are here: nothing is left out, and nothing written twice
   * @returns how many are here then; fewer than its length: it is not whole yet
   * @throws {CheckpointError}
   */
  async append(id: string, at: number, body: AsyncIterable<Uint8Array>): Promise<number> {
    const entry = this.entries.get(id);
    if (!entry?.head || entry.isWhole) throw new CheckpointError("checkpoint", "is not awaited here");
    if (entry.isBeingWritten) throw new CheckpointError("checkpoint", "is just being written");
    if (at !== entry.arrived)
      throw new CheckpointError("range", `begins at ${at}, and ${entry.arrived} bytes are here`);
    await this.write(entry, at, body);
    if (entry.arrived < entry.bytes) return entry.arrived;
    this.complete(entry);
    return entry.bytes;
  }

  /** Keeps one from being taken away until the function that is returned is called. */
  use(id: string): () => void {
    const entry = this.entries.get(id);
    if (!entry) return () => undefined;
    entry.users += 1;
    let isOver = false;
    return () => {
      if (!isOver) entry.users -= 1;
      isOver = true;
    };
  }

  /** Whatever there is of it. */
  remove(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    rmSync(this.pathOf(entry), { force: true });
  }

  private put(entry: Pick<Entry, "id" | "requester" | "bytes" | "head" | "users">): Entry {
    const sinceMs = this.options.clock.monotonicMs();
    const whole = { ...entry, arrived: 0, isWhole: false, sinceMs, isBeingWritten: false };
    this.entries.set(entry.id, whole);
    return whole;
  }

  private complete(entry: Entry): void {
    const sinceMs = this.options.clock.monotonicMs();
    const whole = { ...entry, isWhole: true, arrived: entry.bytes, sinceMs };
    renameSync(this.pathOf(entry), this.pathOf(whole));
    this.entries.set(entry.id, whole);
  }

  private async write(
    entry: Entry,
    at: number,
    body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    entry.isBeingWritten = true;
    const file = await open(this.pathOf(entry), at === 0 ? "w" : "r+", 0o600);
    try {
      for await (const bytes of body) {
        if (entry.arrived + bytes.length > entry.bytes)
          throw new CheckpointError("checkpoint", "is longer than its header says");
        await writeAll(file, bytes, entry.arrived);
        entry.arrived += bytes.length;
        entry.sinceMs = this.options.clock.monotonicMs();
      }
      await file.sync();
    } finally {
      entry.isBeingWritten = false;
      await file.close();
    }
  }

  private makeRoom(requester: string, bytes: number): void {
    const { limits, folder, freeBytes = freeBytesOf } = this.options;
    this.tidy();
    const theirs = [...this.entries.values()]
      .filter((one) => one.requester === requester)
      .sort((one, other) => one.sinceMs - other.sinceMs);
    const isTooMany = theirs.length >= limits.mostEach;
    const oldest = theirs.find(({ users, isBeingWritten }) => users === 0 && !isBeingWritten);
    const others = [...this.entries.values()].filter((one) => !(isTooMany && one === oldest));
    const no = (why: string) => new CheckpointError("checkpoint", why);
    if (isTooMany && oldest === undefined) throw no(`of yours there are ${theirs.length} already`);
    const taken = others.reduce((sum, one) => sum + one.bytes, 0);
    if (taken + bytes > limits.mostBytes) throw no(`there is no room for ${bytes} bytes beside the others`);
    // What others were promised is free still, and will not be.
    const promised = others.reduce((sum, one) => sum + one.bytes - one.arrived, 0);
    const given = isTooMany ? (oldest?.arrived ?? 0) : 0;
    if (bytes > freeBytes(folder) + given - promised - limits.keptFreeBytes)
      throw no(`the medium has no room for ${bytes} bytes`);
    if (isTooMany && oldest) this.remove(oldest.id);
  }

  private tidy(): void {
    const { limits, clock, log } = this.options;
    for (const { id, isWhole, head, users, isBeingWritten, sinceMs } of this.entries.values()) {
      if (users > 0 || isBeingWritten || head === undefined) continue;
      if (clock.monotonicMs() - sinceMs < (isWhole ? limits.keptMs : limits.idleMs)) continue;
      log.info(`checkpoint ${id}: its time here is over`);
      this.remove(id);
    }
  }

  private pathOf({ id, isWhole }: Pick<Entry, "id" | "isWhole">): string {
    return join(this.options.folder, `${id}.${isWhole ? "checkpoint" : "part"}`);
  }
}

async function wholeHead(path: string, id: string): Promise<CheckpointHead | undefined> {
  const file = await open(path, "r");
  try {
    const head = await readCheckpointHead(file);
    const isWhole = (await file.stat()).size === checkpointBytes(head);
    return isWhole && head.header.id === id ? head : undefined;
  } finally {
    await file.close();
  }
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
