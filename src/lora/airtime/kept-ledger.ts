import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { AirtimeLedger, type Reservation } from "./airtime-ledger.ts";
import type { BootClock } from "./boot-clock.ts";
import type { LedgerStore } from "./ledger-store.ts";
import type { SubBand } from "./regions.ts";

export interface KeptLedgerOptions {
  subBand: SubBand;
  /** Opened. */
  store: LedgerStore;
  /** Whether the store lost what it held, or never will hold anything: see its `open`. */
  isForgetful: boolean;
  bootClock: BootClock;
  /** By whose clock the ledger is asked. */
  timers: Timers;
  log: Logger;
}

/** What may have been used of a limit before its record was lost; the rest is there for an SOS. */
const LOST_SHARE = 0.8;

/**
 * A ledger that knows what earlier runs of the daemon have sent. A daemon's own clock begins with it; what is kept has
 * the time since boot. Where the record is lost the ledger begins with all but an SOS's share used up, so that neither a
 * reboot nor a broken card makes airtime free again; that too is written down, for the start after this one. When a write
 * fails it says so once and goes on: in this run the ledger is as exact as ever.
 */
export function openKeptLedger(options: KeptLedgerOptions): AirtimeLedger {
  const { subBand, store, isForgetful, bootClock, timers, log } = options;
  const nowMs = timers.monotonicMs();
  const bootMs = bootClock.nowMs();
  const earlier = store
    .earlier(subBand.name, bootMs)
    .map((reservation) => ({ ...reservation, atMs: reservation.atMs - bootMs + nowMs }));
  let hasFailed = false;
  const keep = (reservation: Reservation): Promise<void> =>
    // The time since boot, asked anew: a suspended machine's other clocks stand still.
    store.reserve({ ...reservation, atMs: bootClock.nowMs() }).catch((error: unknown) => {
      if (!hasFailed) log.error({ error }, "airtime cannot be written down: a restart will not know of it");
      hasFailed = true;
    });
  if (isForgetful && subBand.limits.length > 0) {
    log.warn(
      { subBand: subBand.name },
      "what was sent in the last hour is not known: it counts as all that may be",
    );
    const unknown = lost(subBand, nowMs);
    earlier.push(unknown);
    void keep(unknown);
  }
  return new AirtimeLedger({
    subBand,
    earlier,
    nowMs,
    reserve: (reservation, kept) => void keep(reservation).then(kept),
  });
}

function lost({ name, limits }: SubBand, atMs: number): Reservation {
  return {
    subBand: name,
    atMs,
    airtimeMs: Math.min(...limits.map(({ airtimeMs }) => airtimeMs)) * LOST_SHARE,
  };
}
