import { AirtimeLedger } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { onOneClock } from "../../../../src/lora/airtime/ledger-store.ts";
import type { SubBand } from "../../../../src/lora/airtime/regions.ts";
import type { Seen } from "./rolling-window.ts";

const DAY_MS = 24 * 3_600_000;
/** A frame has left the radio so long after a daemon began anew, as the ledger counts on. */
const LONGEST_HELD_MS = 30_000;

interface Row {
  boot: string;
  at_ms: number;
  airtime_ms: number;
}

/** What happens to the box and its radio in a day. */
export interface DayOptions {
  subBand: SubBand;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** How much is to be sent, as a share of what the sub-band allows. */
  load: number;
  /** The chance that the daemon is killed, and that the box loses its power, with each frame. */
  restartChance: number;
  rebootChance: number;
  /** Every daemon begins as if nothing had been sent, as a check that the days find what they look for; default false. */
  isForgetful?: boolean;
}

export interface Day {
  /** What somebody with a stopwatch beside the antenna saw. */
  seen: Seen[];
  restarts: number;
  reboots: number;
}

/**
 * A day of bursts and lulls at one box with one radio: frames that the radio holds back or refuses, a daemon that is
 * killed at any moment and comes back with a clock that begins anew, reboots after which nobody knows how long the box
 * was off. Of an earlier run nothing is known but the rows that were on the medium. Nothing here is asked of the ledger
 * but when a frame may go; what was really on the air is written down apart, for another to judge.
 */
export function randomDay(options: DayOptions): Day {
  const { subBand, random, load, restartChance, rebootChance, isForgetful = false } = options;
  const day: Day = { seen: [], restarts: 0, reboots: 0 };
  const medium: Row[] = [];
  const limitMs = Math.min(...subBand.limits.map(({ airtimeMs }) => airtimeMs));
  const exponential = (meanMs: number) => -Math.log(1 - random()) * meanMs;
  let trueMs = 0;
  let bootedAtMs = -random() * DAY_MS;
  let daemonSinceMs = trueMs;
  let ledger: AirtimeLedger;

  const daemonMs = () => trueMs - daemonSinceMs;
  const startDaemon = () => {
    daemonSinceMs = trueMs;
    const boot = `boot ${day.reboots}`;
    const bootMs = trueMs - bootedAtMs;
    ledger = new AirtimeLedger({
      subBand,
      nowMs: daemonMs(),
      earlier: onOneClock(isForgetful ? [] : medium, boot, bootMs).map(({ at_ms, airtime_ms }) => ({
        subBand: subBand.name,
        atMs: at_ms - bootMs + daemonMs(),
        airtimeMs: airtime_ms,
      })),
      reserve: ({ airtimeMs }, kept) => {
        medium.push({ boot, at_ms: Math.floor(trueMs - bootedAtMs), airtime_ms: Math.ceil(airtimeMs) });
        kept();
      },
    });
    return ledger;
  };
  ledger = startDaemon();

  /** The daemon ends now: as in a crash, or with the whole box. @returns whether it did */
  const mayEnd = (): boolean => {
    const fate = random();
    if (fate >= restartChance + rebootChance) return false;
    if (fate < restartChance) {
      day.restarts += 1;
      trueMs = Math.max(trueMs + random() * 3_000, (day.seen.at(-1)?.endMs ?? 0) - LONGEST_HELD_MS);
    } else {
      day.reboots += 1;
      const offMs = random() < 0.7 ? 5_000 + random() * 20_000 : random() * 3 * 3_600_000;
      // Without power nothing is sent: what was to be on the air ends here.
      const last = day.seen.at(-1);
      if (last) {
        last.startMs = Math.min(last.startMs, trueMs);
        last.endMs = Math.min(last.endMs, trueMs);
      }
      trueMs += offMs;
      bootedAtMs = trueMs - 2_000;
    }
    startDaemon();
    return true;
  };

  while (trueMs < DAY_MS) {
    const airtimeMs = 20 + random() * Math.min(3_000, limitMs / 4);
    trueMs = daemonSinceMs + ledger.earliestStartMs(airtimeMs, daemonMs());
    ledger.ensure(airtimeMs, daemonMs(), () => {});
    if (mayEnd()) continue;
    const recorded = ledger.record(daemonMs(), airtimeMs);
    if (random() < 0.02) {
      recorded.takeBack();
      trueMs += 250;
      continue;
    }
    const heldMs = random() < 0.1 ? random() * (LONGEST_HELD_MS - airtimeMs) : 0;
    const startMs = Math.max(trueMs + heldMs, day.seen.at(-1)?.endMs ?? 0);
    const endMs = startMs + airtimeMs;
    day.seen.push({ startMs, endMs });
    if (mayEnd()) continue;
    trueMs = endMs;
    recorded.endedAt(daemonMs());
    if (random() < 0.3) trueMs += exponential((airtimeMs * DAY_MS) / 24 / limitMs / load / 0.3);
  }
  return day;
}
