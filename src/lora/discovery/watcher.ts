import { EventEmitter } from "node:events";
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { LineInfo } from "../serial/index.ts";
import { fileIdentity } from "./adapter-files.ts";
import { adapterKeys } from "./adapter-key.ts";

/** A serial line that is there now. */
export interface Adapter {
  /** Stays the same when it is plugged in again (see {@link adapterKeys}). */
  key: string;
  device: LineInfo;
}

export interface AdapterWatcherEvents {
  /** Has come, or was there at the start. */
  found: [adapter: Adapter];
  /** Is gone. One that was replaced by another under the same name is lost first, then the other is found. */
  lost: [adapter: Adapter];
}

export interface AdapterWatcherOptions {
  list: () => Promise<readonly LineInfo[]>;
  timers: Timers;
  log: Logger;
  /** Lines that no list has, such as pseudo-terminals: they are there as long as the file is. */
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
        this.compare(await this.devices());
      } catch (error) {
        this.options.log.warn({ error }, "the serial lines cannot be listed");
      }
    } while (this.lookAgain && this.isRunning);
  }

  private async devices(): Promise<LineInfo[]> {
    const listed = await this.options.list();
    const paths = new Set(listed.map(({ path }) => path));
    const extra = (this.options.extraPaths ?? []).filter((path) => !paths.has(path)).map(lineWithoutHardware);
    return [...listed, ...extra];
  }

  private compare(devices: readonly LineInfo[]): void {
    if (!this.isRunning) return;
    const files = new Map(devices.map(({ path }) => [path, fileIdentity(path)]));
    const present = devices.filter(({ path }) => files.get(path) !== undefined);
    for (const [path, known] of this.known) {
      const stays = present.some((device) => device.path === path) && files.get(path) === known.file;
      if (stays) continue;
      this.known.delete(path);
      this.emit("lost", known.adapter);
    }
    const held = new Map([...this.known].map(([path, { adapter }]) => [path, adapter.key]));
    const keys = adapterKeys(present, held);
    for (const device of present) {
      const { path } = device;
      const adapter = { key: keys.get(path) ?? path, device };
      const isNew = !this.known.has(path);
      // What was known may be known better by now: udev makes its links later than the kernel its file.
      this.known.set(path, { adapter, file: files.get(path) });
      if (isNew) this.emit("found", adapter);
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

/** A path of which nothing else is known. */
const lineWithoutHardware = (path: string): LineInfo => ({
  path,
  manufacturer: undefined,
  product: undefined,
  serialNumber: undefined,
  vendorId: undefined,
  productId: undefined,
  locationId: undefined,
  pnpId: undefined,
  driver: undefined,
  stablePaths: [],
});
