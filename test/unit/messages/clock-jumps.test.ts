import { describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { boxesOnAir } from "../../../src/bench/lora/boxes-on-air.ts";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { PRESETS } from "../../../src/lora/modulation.ts";
import type { BundleStore } from "../../../src/messages/custody/bundle-store.ts";
import { airOfLink } from "../../../src/messages/lora/bundle-air.ts";
import { LoraMessages } from "../../../src/messages/lora/lora-messages.ts";
import { StickCarrier } from "../../../src/messages/stick-carrier.ts";
import { MeshSync } from "../../../src/messages/sync/mesh-sync.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";
import { openStand, STATION } from "./custody/store-stand.ts";
import { Writer, type Written } from "./custody/writers.ts";
import { openOutbox, until } from "./outbox/outbox-stand.ts";
import { LinkedEngines } from "./sync/linked-engines.ts";

const YEAR_MS = 365 * 86_400_000;
const HOUR_MS = 3_600_000;
const CHANNEL = { frequencyHz: 869_525_000, modulation: PRESETS.MediumFast, powerDbm: 27 };

const scratch = scratchFolders();

/** What a clock on the wall shows. */
type Wall = () => number;
const STEADY = Date.UTC(2026, 10, 1);
/** Each time that it is looked at another year: decades back, or ahead. */
const jumping = (seed: number): Wall => {
  const random = seededRandom(seed);
  return () => Math.floor((random() - 0.5) * 100 * YEAR_MS + STEADY);
};
/** A box, or both, has a clock that jumps: what comes of it is to be what comes of clocks that do not. */
const STEADY_PAIR: [Wall, Wall] = [() => STEADY, () => STEADY];
const JUMPING_PAIRS: [Wall, Wall][] = [
  [jumping(1), () => STEADY],
  [() => STEADY, jumping(2)],
  [jumping(3), jumping(4)],
];

const ana = new Writer(1);
const ben = new Writer(2);
/** Written once, so that every run has the same. */
const OF_ANA: Written[] = [
  ana.sos("help"),
  ana.post("bread"),
  ana.direct(ben, "is the road open?"),
  // Its time is over before the end of a run.
  ana.post("soon gone", "square", { lifetimeS: 600 }),
];
const OF_BEN: Written[] = [ben.checkIn("Ben"), ben.post("water")];

/** A store whose time is virtual. */
function storeOf(time: VirtualTime, wallMs: Wall): BundleStore {
  const bootClock = { bootId: "boot", nowMs: () => time.monotonicMs() };
  return openStand({ timers: time, bootClock, clock: { wallMs } }).store;
}

/** Lets time pass, and each write reach the medium at the moment at which it is made. */
async function pass(time: VirtualTime, ms: number, stores: readonly BundleStore[]): Promise<void> {
  for (const endMs = time.monotonicMs() + ms; time.monotonicMs() < endMs; ) {
    time.advance(100);
    for (const store of stores) store.flush();
    await setImmediate();
  }
}

/** All that a box has, when it came, and how old each is. */
const contentOf = (store: BundleStore) =>
  store.queries.since(0, 100).map(({ id, order, ageMs, source }) => ({ id, order, ageMs, by: source.by }));

async function takeAll(store: BundleStore, written: readonly Written[]): Promise<void> {
  const taking = written.map(({ encoded }) => store.take(encoded, 0, STATION));
  store.flush();
  await Promise.all(taking);
}

async function byLora(walls: [Wall, Wall]) {
  const { time, boxes, air } = boxesOnAir({ count: 2, channel: CHANNEL, seed: 7, frameLoss: 0.1 });
  const stores = walls.map((wallMs) => storeOf(time, wallMs));
  const carriers = boxes.map(({ link }, index) => {
    const custody = stores[index];
    if (!custody) throw new Error("no store");
    const log = { debug: () => {} };
    return new LoraMessages({
      air: airOfLink(link),
      custody,
      timers: time,
      random: seededRandom(index),
      log,
    });
  });
  for (const carrier of carriers) carrier.start();
  const [a, b] = stores;
  if (!a || !b) throw new Error("not two stores");
  await takeAll(a, OF_ANA);
  await takeAll(b, OF_BEN);
  await pass(time, 500_000, stores);
  const early = stores.map(contentOf);
  await takeAll(b, [ben.receipt("delivered", [OF_ANA[2]?.id ?? ""], { sequence: 1 })]);
  await pass(time, 700_000, stores);
  for (const carrier of carriers) carrier.stop();
  const result = { early, late: stores.map(contentOf), airtimeMs: air.stats().airtimeMs };
  for (const store of stores) store.close();
  return result;
}

async function byMesh(walls: [Wall, Wall], time: VirtualTime) {
  const engines = new LinkedEngines(time);
  const stores = walls.map((wallMs) => storeOf(time, wallMs));
  const sides = stores.map((custody, index) => {
    const engine = engines.engine(`box ${index}`);
    const sync = new MeshSync({
      ...{ engine, custody, timers: time, random: seededRandom(index), log: capturedLog().log },
      isMetered: () => false,
      handedOver: () => {},
    });
    sync.start();
    return { engine, sync };
  });
  const [a, b] = stores;
  const [left, right] = sides;
  if (!a || !b || !left || !right) throw new Error("not two boxes");
  await takeAll(a, OF_ANA);
  await takeAll(b, OF_BEN);
  engines.connect(left.engine, right.engine);
  await pass(time, 60_000, stores);
  const early = stores.map((store) =>
    contentOf(store)
      .map(({ id, by }) => `${id} ${by}`)
      .toSorted(),
  );
  await pass(time, 700_000, stores);
  const late = stores.map((store) =>
    contentOf(store)
      .map(({ id, by }) => `${id} ${by}`)
      .toSorted(),
  );
  for (const { sync } of sides) await sync.stop();
  for (const store of stores) store.close();
  return { early, late };
}

describe("a clock on the wall that jumps by years, at either box", () => {
  test("changes nothing of what goes by LoRa, when it comes, and how old it is", async () => {
    const steady = await byLora(STEADY_PAIR);
    expect(steady.early.map((content) => content.length)).toEqual([6, 6]);
    // What was short-lived is gone, and the direct message is settled by its receipt.
    expect(steady.late.map((content) => content.length)).toEqual([5, 5]);
    for (const walls of JUMPING_PAIRS) expect(await byLora(walls)).toEqual(steady);
  });

  test("changes nothing of what goes by the mesh", async () => {
    const steady = await byMesh(STEADY_PAIR, new VirtualTime());
    expect(steady.early.map((content) => content.length)).toEqual([6, 6]);
    expect(steady.late.map((content) => content.length)).toEqual([5, 5]);
    for (const walls of JUMPING_PAIRS) expect(await byMesh(walls, new VirtualTime())).toEqual(steady);
  });

  test("keeps nothing from coming by a stick, and costs no bundle more than half of what it had left", async () => {
    for (const walls of [STEADY_PAIR, ...JUMPING_PAIRS, ...JUMPING_PAIRS]) {
      const stands = walls.map((wallMs) => {
        const { store, clocks } = openStand({ clock: { wallMs } });
        const log = capturedLog().log;
        const carrier = new StickCarrier({
          ...{ beneath: "", custody: store, wallMs, timers: clocks.time, told: () => {}, log },
        });
        return { store, carrier };
      });
      const [from, to] = stands;
      if (!from || !to) throw new Error("not two boxes");
      await takeAll(from.store, OF_ANA);
      const stick = scratch();
      await from.carrier.exportTo(stick);
      await to.carrier.importFrom(stick);
      const came = to.store.queries.since(0, 100);
      expect(came.map(({ id }) => id).toSorted()).toEqual(OF_ANA.map(({ id }) => id).toSorted());
      for (const { bundle, ageMs } of came)
        expect(ageMs).toBeLessThanOrEqual((bundle.lifetimeS * 1_000) / 2 + 1_000);
      for (const { store } of stands) store.close();
    }
  });

  test("changes nothing of when mail goes", async () => {
    const mailed = async (jumpMs: number) => {
      const box = await openOutbox(scratch());
      const { clocks, bridge, outbox, store } = box;
      bridge.answers = [{ retryAfterMs: HOUR_MS, of: "bridge", why: "away" }];
      await outbox.start();
      await takeAll(store, [ana.checkIn("Ana", { to: { kind: "outside", uri: "mailto:kin@example.org" } })]);
      await until("tried", () => outbox.entries().some(({ detail }) => detail === "away"));
      const atMs: number[] = [];
      bridge.during = () => void atMs.push(clocks.time.monotonicMs());
      for (let minute = 0; minute < 61; minute += 1) {
        clocks.wallOffsetMs += minute % 2 === 0 ? jumpMs : -2 * jumpMs;
        await clocks.time.advanceAsync(60_000);
      }
      await until("sent", () => box.sent.length === 1);
      await box.close();
      return atMs;
    };
    const steady = await mailed(0);
    expect(steady).toHaveLength(1);
    for (const jumpMs of [20 * YEAR_MS, -20 * YEAR_MS]) expect(await mailed(jumpMs)).toEqual(steady);
  });
});
