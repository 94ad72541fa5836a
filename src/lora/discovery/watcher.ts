import { EventEmitter } from "node:events";
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { LineInfo } from "../serial/index.ts";
import { fileIdentity } from "./adapter-files.ts";
import { adapterKeys } from "./adapter-key.ts";
import { type NamedLine, withNamed } from "./named-lines.ts";

/** A serial line that is there now. */
export interface Adapter {
  /** Stays the same when it is plugged in again (see {@link adapterKeys}). */
  key: string;
  device: LineInfo;
  /** Whether {@link AdapterWatcherOptions.extraPaths} has it, under this or another name of the same file. */
  isNamed: boolean;
}

export interface AdapterWatcherEvents {
  /** Has come, or was there at the start. Once more without being lost when only now a link says that it is named. */
  found: [adapter: Adapter];
  /** Is gone. One that was replaced by another under the same name is lost first, then the other is found. */
  lost: [adapter: Adapter];
}

export interface AdapterWatcherOptions {
  list: () => Promise<readonly LineInfo[]>;
  timers: Timers;
  log: Logger;
  /**
   * What an operator names: a line of the list or a link to one, or a line that no list has, such as a pseudo-terminal,
   * which is there as long as the file is.
   */
  extraPaths?: readonly string[];
  /** Where device files come and go; default `/dev`. */
  deviceFolder?: string;
  /** How often to look where no change was told; default 5 s. */
  pollMs?: number;
}

const DEFAULT_POLL_MS = 5_000;
/** The kernel makes the file before udev has made its links and set its rights: a look at once, and one after that. */
const LOOKS_AFTER_CHANGE_MS = [20, 500];
/** Files whose coming and going says something of adapters. */
const LINES = /^(tty(USB|ACM|AMA|S|THS|SC)\d|serial|omerta-lora)/;

interface Known {
  adapter: Adapter;
  file: string | undefined;
}

/** Tells of serial adapters that come and go: by what changes in `/dev`, and by a slow look for what that misses. */
export class AdapterWatcher extends EventEmitter<AdapterWatcherEvents> {
  private readonly known = new Map<string, Known>();
  private readonly watchers: FSWatcher[] = [];
  private stopPoll: () => void = () => {};
  private stops: (() => void)[] = [];
  private looking: Promise<void> | undefined;
  private lookAgain = false;
  private isRunning = false;

  constructor(private readonly options: AdapterWatcherOptions) {
    super();
  }

  /** What is there now. */
  get adapters(): Adapter[] {
    return [...this.known.values()].map(({ adapter }) => adapter);
  }

  /** Comes back when all that is there has been told of. */
  async start(): Promise<void> {
    this.isRunning = true;
    const { deviceFolder = "/dev", extraPaths = [] } = this.options;
    this.watchFolder(deviceFolder, (name) => LINES.test(name));
    for (const folder of new Set(extraPaths.map((path) => dirname(path))))
      if (folder !== deviceFolder)
        this.watchFolder(folder, (name) => extraPaths.includes(`${folder}/${name}`));
    await this.look();
    this.poll();
  }

  stop(): void {
    this.isRunning = false;
    for (const watcher of this.watchers.splice(0)) watcher.close();
    for (const stop of this.stops.splice(0)) stop();
    this.stopPoll();
    this.known.clear();
  }

  /** Looks now. Comes back when what has changed has been told. */
  look(): Promise<void> {
    if (this.looking) {
      this.lookAgain = true;
      return this.looking;
    }
    this.looking = this.lookUntilCurrent().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private poll(): void {
    if (!this.isRunning) return;
    this.stopPoll = this.options.timers.after(this.options.pollMs ?? DEFAULT_POLL_MS, () => {
      void this.look().then(() => this.poll());
    });
  }

  private async lookUntilCurrent(): Promise<void> {
    do {
      this.lookAgain = false;
      try {
        this.compare(await this.lines());
      } catch (error) {
        this.options.log.warn({ error }, "the serial lines cannot be listed");
      }
    } while (this.lookAgain && this.isRunning);
  }

  private async lines(): Promise<NamedLine[]> {
    return withNamed(await this.options.list(), this.options.extraPaths ?? []);
  }

  private compare(lines: readonly NamedLine[]): void {
    if (!this.isRunning) return;
    const files = new Map(lines.map(({ device: { path } }) => [path, fileIdentity(path)]));
    const present = lines.filter(({ device }) => files.get(device.path) !== undefined);
    for (const [path, known] of this.known) {
      const stays = present.some(({ device }) => device.path === path) && files.get(path) === known.file;
      if (stays) continue;
      this.known.delete(path);
      this.emit("lost", known.adapter);
    }
    const held = new Map([...this.known].map(([path, { adapter }]) => [path, adapter.key]));
    const keys = adapterKeys(
      present.map(({ device }) => device),
      held,
    );
    for (const { device, isNamed } of present) {
      const { path } = device;
      const before = this.known.get(path)?.adapter;
      // The link that names it may go before it does.
      const adapter = { key: keys.get(path) ?? path, device, isNamed: isNamed || before?.isNamed === true };
      // What was known may be known better by now: udev makes its links later than the kernel its file.
      this.known.set(path, { adapter, file: files.get(path) });
      if (adapter.isNamed !== before?.isNamed) this.emit("found", adapter);
    }
  }

  private watchFolder(folder: string, concerns: (name: string) => boolean): void {
    const { log } = this.options;
    const polled = (error: unknown) =>
      log.info({ error }, `${folder} is not watched, only looked at now and then`);
    try {
      const watcher = watch(folder, (event, name) => {
        // Every byte that is written to a line changes its file; only coming and going counts.
        if (event === "rename" && (name === null || concerns(name))) this.lookSoon();
      });
      watcher.on("error", polled);
      this.watchers.push(watcher);
    } catch (error) {
      polled(error);
    }
  }

  private lookSoon(): void {
    if (this.stops.length > 0) return;
    this.stops = LOOKS_AFTER_CHANGE_MS.map((ms) =>
      this.options.timers.after(ms, () => {
        // Further changes before the last look are seen by it.
        if (ms === LOOKS_AFTER_CHANGE_MS.at(-1)) this.stops = [];
        void this.look();
      }),
    );
  }
}
