import { applyReaping, findDomains } from "./apply-reaping.ts";
import { findBelongings, type Grounds } from "./find-belongings.ts";
import type { ReapMachine, ReapTimes } from "./reaping.ts";

/** For a reaper whose daemon has gone: libvirtd makes a machine within seconds, or its caller has given up. */
export const REAPER_TIMES: ReapTimes = { everyMs: 100, quietMs: 5_000, maxMs: 120_000 };
/** For a daemon that starts: guests wait for nothing of this, so one clear look is enough, and its reaper is there. */
export const SWEEP_TIMES: ReapTimes = { everyMs: 50, quietMs: 0, maxMs: 20_000 };

/**
 * This machine. Needs root.
 * @param own process ids that are spared whatever they look like
 */
export function systemMachine(grounds: Grounds, libvirtUri: string, own: readonly number[]): ReapMachine {
  const spared = new Set(own);
  return {
    find: () => findBelongings(grounds, spared),
    findDomains: () => findDomains(libvirtUri),
    apply: (plan) => applyReaping(plan, libvirtUri),
    monotonicMs: () => performance.now(),
    sleep: (ms) => Bun.sleep(ms),
  };
}
