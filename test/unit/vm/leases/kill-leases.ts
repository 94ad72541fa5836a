import { writeSync } from "node:fs";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { systemClock } from "../../../../src/host/clock.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { systemBootClock } from "../../../../src/lora/index.ts";
import { OUTCOMES } from "../../../../src/vm/leases/lease-row.ts";
import { leaseStep } from "../../../../src/vm/leases/lease-step.ts";
import { leaseId, openLeases, requestOf, runningLease } from "./store-stand.ts";

/** What a daemon that is to be killed is told, as JSON. */
export interface KillLeasesArguments {
  folder: string;
  /** Another one in each life; ids follow from it. */
  life: number;
  /** Else it only ends what the last one left. */
  isLending: boolean;
}

/**
 * A daemon that lends and ends without end, until it is killed. Lines on standard output, each only after it is on the medium:
 * `up`, when all of the last one is ended; `begun ID`; `ending ID OUTCOME`; `ended ID OUTCOME`.
 */
const { folder, life, isLending }: KillLeasesArguments = JSON.parse(process.argv[2] ?? "{}");
const say = (what: string) => void writeSync(1, `${what}\n`);
const random = seededRandom(life);
const clocks = { clock: systemClock, timers: systemTimers, bootClock: systemBootClock() };
const { store, found } = openLeases(folder, clocks);
if (found.some(({ setAside, volatile }) => setAside ?? volatile)) throw new Error("a database was torn");

for (const { state, awayMs } of await store.recover()) {
  const restarted = leaseStep(state, { type: "restarted", atMs: 0, awayMs, isTakenUp: false });
  const { state: over } = leaseStep(restarted.state, { type: "tornDown", atMs: 0 });
  await store.end(over);
  say(`ended ${over.id} ${over.outcome}`);
}
say("up");

async function lend(lane: number): Promise<never> {
  for (let number = 1; ; number += 1) {
    const id = leaseId(life * 1_000_000 + lane * 10_000 + number);
    const request = requestOf(id, { createdAt: number });
    await Promise.all([store.see(request), store.begin(runningLease(id), request)]);
    say(`begun ${id}`);
    const outcome = OUTCOMES[Math.floor(random() * OUTCOMES.length)] ?? "failed";
    const over = runningLease(id, { phase: "ending", outcome, why: "so it goes", usedMs: 7 });
    if (random() < 0.5) {
      await store.keep(over);
      say(`ending ${id} ${outcome}`);
    }
    await store.end(over);
    say(`ended ${id} ${outcome}`);
  }
}

if (isLending) await Promise.all([1, 2, 3].map(lend));
