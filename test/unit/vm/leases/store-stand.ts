import { join } from "node:path";
import { Journal, type JournalEntry } from "../../../../src/store/index.ts";
import type { LeaseState } from "../../../../src/vm/leases/lease-state.ts";
import { newLease } from "../../../../src/vm/leases/lease-state.ts";
import { LeaseStore, type LeaseStoreOptions } from "../../../../src/vm/leases/lease-store.ts";
import type { LeaseRequest } from "../../../../src/vm/request/index.ts";
import { fixedRequest } from "../request/fixed-request.ts";
import { LIMITS } from "./lease-events.ts";

export const leaseId = (number: number): string => number.toString(16).padStart(32, "0");

export const requestOf = (id: string, rest: Partial<LeaseRequest> = {}): LeaseRequest =>
  fixedRequest({ id, activity: `what ${id} is for`, ...rest });

export const runningLease = (id: string, rest: Partial<LeaseState> = {}): LeaseState => ({
  ...newLease({ id, requester: requestOf(id).requester, limits: LIMITS }, 0),
  phase: "running",
  isCounting: true,
  isGuestReady: true,
  ...rest,
});

/** A journal and a lease store in one folder, both open. */
export function openLeases(
  folder: string,
  clocks: Pick<LeaseStoreOptions, "clock" | "timers" | "bootClock">,
  more: Pick<LeaseStoreOptions, "mostEnded" | "mostSeen"> = {},
) {
  const clock = { wallMs: clocks.clock.wallMs, monotonicMs: () => clocks.timers.monotonicMs() };
  const journal = new Journal(join(folder, "journal.sqlite"), clock, 1_000_000);
  const found = [journal.open()];
  const store = new LeaseStore({ path: join(folder, "leases.sqlite"), journal, ...clocks, ...more });
  found.push(store.open());
  return { journal, store, found };
}

export const endsIn = (journal: Journal): JournalEntry[] =>
  journal.tail(1_000_000).filter(({ kind }) => kind === "lease-ended");
