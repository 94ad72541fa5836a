import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { BundleStore, type BundleStoreOptions } from "../../../../src/messages/custody/bundle-store.ts";
import type { Source, Taken } from "../../../../src/messages/custody/custody.ts";
import { capturedLog } from "../../captured-log.ts";
import type { Written } from "./writers.ts";

export const SELF: Source = { by: "self" };
export const STATION: Source = { by: "guest", station: "02:00:00:00:00:01" };
export const PEER: Source = { by: "box", peer: "peer one" };

/** The clocks of one box: its time is virtual, its clock on the wall and its boots are as a test says. */
export class StandClocks {
  readonly time = new VirtualTime();
  wallOffsetMs = 0;
  private boots = 1;
  private bootedMs = 0;
  private suspendedMs = 0;

  readonly timers = this.time;
  readonly clock = { wallMs: () => this.time.wallMs() + this.wallOffsetMs };
  readonly bootClock = clockOf(
    () => `boot ${this.boots}`,
    () => this.time.monotonicMs() - this.bootedMs + this.suspendedMs,
  );

  /** The kernel's time since boot is the only one that goes on. */
  suspend(ms: number): void {
    this.suspendedMs += ms;
  }

  /** The box was off for so long. */
  reboot(offMs: number): void {
    this.time.advance(offMs);
    this.boots += 1;
    this.bootedMs = this.time.monotonicMs();
    this.suspendedMs = 0;
  }
}

function clockOf(bootId: () => string, nowMs: () => number) {
  return {
    get bootId() {
      return bootId();
    },
    nowMs,
  };
}

/** A store of its own, opened. */
export function openStand(
  options: Partial<BundleStoreOptions> & { folder?: string; clocks?: StandClocks } = {},
) {
  const { folder, clocks = new StandClocks(), ...rest } = options;
  const { log, lines } = capturedLog();
  const store = new BundleStore({
    path: folder === undefined ? ":memory:" : join(folder, "messages.sqlite"),
    maxBytes: 512 * 1024 * 1024,
    clock: clocks.clock,
    timers: clocks.timers,
    bootClock: clocks.bootClock,
    log,
    ...rest,
  });
  const found = store.open();
  /** Takes several in one commit. */
  const takeAll = async (written: readonly Written[], source: Source = PEER, ageMs = 0): Promise<Taken[]> => {
    const taking = written.map(({ encoded }) => store.take(encoded, ageMs, source));
    store.flush();
    return Promise.all(taking);
  };
  const take = async (written: Written, source: Source = PEER, ageMs = 0): Promise<Taken> => {
    const [taken] = await takeAll([written], source, ageMs);
    if (!taken) throw new Error("nothing was answered");
    return taken;
  };
  /** Lets what is due happen, and its writes reach the medium. */
  const pass = async (ms: number): Promise<void> => {
    clocks.time.advance(ms);
    // What has expired is taken off in one write after another.
    for (let round = 0; round < 20; round += 1) {
      store.flush();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return { store, found, clocks, lines, take, takeAll, pass };
}

export type Stand = ReturnType<typeof openStand>;
