import { until } from "../lab/lab.ts";
import { type Phone, Swarm } from "../lab/swarm.ts";
import { type UplinkedHost, uplinkedHost } from "../lab/world.ts";
import type { BenchContext } from "./bench.ts";
import { cpuSeconds } from "./cpu-time.ts";
import type { Subject } from "./subject.ts";

export const MOST_PHONES = 250;
/** Seconds of CPU in a second. */
const AT_REST_CPU = 0.05;
const REST_WITHIN_MS = 120_000;

/** A subject with its phones; its disposal stops it and lets go of them. */
export interface Stand extends AsyncDisposable {
  subject: Subject;
  world: UplinkedHost["world"];
  phones: Phone[];
}

export interface Pair<T> {
  ours: T;
  reference: T;
}

/** Starts a subject behind an uplink, and 250 phones join it. */
export async function stand(context: BenchContext, side: string, subject: Subject): Promise<Stand> {
  context.progress(`${subject.name}: starting, ${MOST_PHONES} phones join`);
  const { host, world } = await uplinkedHost(context.lab, side);
  const bridge = await subject.start(context.lab, host);
  const swarm = new Swarm(context.lab, host, bridge);
  await swarm.addPhones(MOST_PHONES);
  await swarm.each((phone) => subject.join(phone));
  await comesToRest(context, subject);
  return {
    subject,
    world,
    phones: swarm.phones,
    [Symbol.asyncDispose]: async () => {
      await subject.stop();
      swarm.close();
    },
  };
}

/** Waits until a subject has digested its phones: what it does by itself would be taken from the other's rounds. */
async function comesToRest(context: BenchContext, subject: Subject): Promise<void> {
  const started = performance.now();
  const quiet = async () => {
    const pids = await subject.pids();
    const before = cpuSeconds(pids);
    await Bun.sleep(1_000);
    return cpuSeconds(pids) - before < AT_REST_CPU;
  };
  await until(`${subject.name} to come to rest with ${MOST_PHONES} phones`, quiet, REST_WITHIN_MS);
  context.progress(`${subject.name}: at rest after ${Math.round(performance.now() - started)} ms`);
}

export async function both<T>(pair: Pair<Stand>, measure: (stand: Stand) => Promise<T>): Promise<Pair<T>> {
  return { ours: await measure(pair.ours), reference: await measure(pair.reference) };
}
