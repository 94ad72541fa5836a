import { describe, expect, test } from "bun:test";
import { tagOf } from "../../../../src/messages/lora/items.ts";
import { Namings } from "../../../../src/messages/lora/namings.ts";
import { Neighbourhood } from "../../../../src/messages/lora/neighbourhood.ts";
import { type Carried, carriedOf, Stock } from "../../../../src/messages/lora/stock.ts";

const OWN = 1;
/** Where nothing else comes, and where much does. */
const NAMED_AFTER_MS = 150_000;
const LATEST_MS = 600_000;
const NAMED_AGAIN_MS = 300_000;
/** Nobody new has been heard for longer than this: whoever is near is known. */
const SETTLED_MS = 700_000;
/** Of eight digits, of which the first four tell it from others. */
const nameOf = (index: number): string => (0x1000_0000 + index * 0x1_0000).toString(16);
const NOTHING: ReadonlySet<number> = new Set();

/** This box, with neighbours that hear it and each other's neighbours as they say. */
function namingsAmong(hears: Readonly<Record<number, readonly number[]>>) {
  let nowMs = 0;
  const stock = new Stock();
  const neighbourhood = new Neighbourhood(OWN, () => nowMs);
  let frames = 0;
  const hearAll = () => {
    frames = (frames + 1) & 0xff;
    for (const address of Object.keys(hears)) neighbourhood.heard(Number(address), frames);
  };
  hearAll();
  for (const [address, others] of Object.entries(hears)) {
    const heard = [OWN, ...others].map((other) => ({ address: other, quality: 255 }));
    neighbourhood.told(Number(address), heard, true);
  }
  nowMs = SETTLED_MS;
  const namings = new Namings({
    stock,
    neighbourhood,
    get nowMs() {
      return nowMs;
    },
  });
  const come = (name: string, person?: Uint8Array): Carried => {
    const id = name.padEnd(64, "0") as Carried["id"];
    const carried = carriedOf(id, {
      ...{ kind: "check-in", priority: "check-in", senderHash: 1, person },
      ...{ origin: OWN, sinceMs: nowMs, airBytes: 120 },
    });
    stock.add(carried);
    namings.add(carried.short);
    return carried;
  };
  return {
    namings,
    neighbourhood,
    stock,
    come,
    /** Names what is due beside others; whether it was this. */
    name(carried: Carried, isBusy = false): boolean {
      const ids = namings.next(true, NOTHING, 60);
      namings.onNamed(ids.map(tagOf), isBusy);
      return ids.includes(carried.short);
    },
    /** Time, in which all are heard as before. */
    pass(ms: number) {
      for (const endMs = nowMs + ms; nowMs < endMs; hearAll())
        nowMs = Math.min(endMs, nowMs + NAMED_AFTER_MS);
    },
    get nowMs() {
      return nowMs;
    },
  };
}

describe("what has come", () => {
  test("is named beside what goes anyway, three at a time, and alone only when it is due", () => {
    const { namings, come, pass } = namingsAmong({ 2: [] });
    const shorts = ["a1", "a2", "a3", "a4"].map((name) => come(name).short);
    expect(namings.next(false, NOTHING, 60)).toEqual(shorts.slice(0, 3));
    expect(namings.next(true, NOTHING, 60)).toEqual([]);
    pass(NAMED_AFTER_MS);
    expect(namings.isDue).toBe(true);
    expect(namings.next(true, NOTHING, 60)).toEqual(shorts);
    expect(namings.next(true, NOTHING, 2)).toEqual(shorts.slice(0, 2));
  });

  test("is not named while it waits for the air itself, nor in the frame in which it goes: who asked would have it twice", () => {
    const { namings, come, stock, pass, nowMs } = namingsAmong({ 2: [] });
    const carried = come("b1");
    expect(namings.next(false, new Set([carried.short]), 60)).toEqual([]);
    stock.plan(carried, nowMs);
    pass(NAMED_AFTER_MS);
    expect(namings.isDue).toBe(false);
    expect(namings.next(false, NOTHING, 60)).toEqual([]);
    stock.plan(carried, undefined);
    expect(namings.next(true, NOTHING, 60)).toEqual([carried.short]);
  });

  test("is not named where all near have it by their own word, one by one or all at once", () => {
    const { namings, neighbourhood, come, pass } = namingsAmong({ 2: [], 3: [] });
    const carried = come("c1");
    pass(1_000);
    carried.has.add(2);
    expect(namings.next(false, NOTHING, 60)).toEqual([carried.short]);
    neighbourhood.hasSame(3);
    expect(namings.next(false, NOTHING, 60)).toEqual([]);
    // What has come since then that one need not have.
    pass(1_000);
    const later = come("c2");
    later.has.add(2);
    expect(namings.next(false, NOTHING, 60)).toEqual([later.short]);
  });

  test("is named all the same where somebody has just come: another may have that is not heard yet", () => {
    const { namings, neighbourhood, come } = namingsAmong({ 2: [] });
    const carried = come("d1");
    carried.has.add(2);
    expect(namings.next(false, NOTHING, 60)).toEqual([]);
    neighbourhood.heard(3, 1);
    neighbourhood.told(3, [{ address: OWN, quality: 255 }], true);
    carried.has.add(3);
    expect(namings.next(false, NOTHING, 60)).toEqual([carried.short]);
  });

  test("is named once where others reach whoever may have missed it, and again where one neighbour is the only way", () => {
    const { come, name, pass } = namingsAmong({ 2: [3, 9], 3: [2, 9] });
    const carried = come("e1");
    pass(NAMED_AFTER_MS);
    expect(name(carried)).toBe(true);
    pass(100 * NAMED_AFTER_MS);
    expect(name(carried)).toBe(false);

    const bridge = namingsAmong({ 2: [3], 3: [2, 9] });
    const over = bridge.come("e2");
    let times = 0;
    for (let step = 0; step < 200; step += 1) {
      bridge.pass(NAMED_AGAIN_MS / 2);
      if (bridge.name(over)) times += 1;
    }
    expect(times).toBe(9);
  });

  test("is named with others where they keep coming, and ten minutes after it has come at the latest", () => {
    const { come, name, pass } = namingsAmong({ 2: [3, 9], 3: [2, 9] });
    const carried = come("e3");
    const isNamed: boolean[] = [];
    for (let passedMs = 0; passedMs < LATEST_MS; passedMs += 100_000) {
      isNamed.push(name(carried));
      come(nameOf(passedMs / 100_000));
      pass(100_000);
    }
    expect(isNamed).toEqual(Array(6).fill(false));
    expect(name(carried)).toBe(true);
  });

  test("is not named again once the only way has it, and later where bundles wait for the air", () => {
    const { come, name, pass } = namingsAmong({ 2: [3], 3: [2, 9] });
    const carried = come("f1");
    pass(NAMED_AFTER_MS);
    expect(name(carried, true)).toBe(true);
    pass(4 * NAMED_AGAIN_MS);
    expect(name(carried)).toBe(false);
    pass(4 * NAMED_AGAIN_MS);
    expect(name(carried)).toBe(true);
    carried.has.add(3);
    pass(100 * NAMED_AFTER_MS);
    expect(name(carried)).toBe(false);
  });

  test("is not offered again to the only way that refuses it", () => {
    const { come, name, pass } = namingsAmong({ 2: [3], 3: [2, 9] });
    const carried = come("f2");
    pass(NAMED_AFTER_MS);
    expect(name(carried)).toBe(true);
    carried.refusedBy.add(3);
    pass(100 * NAMED_AFTER_MS);
    expect(name(carried)).toBe(false);
  });

  test("is named once each time that its recipient is sought, whatever hellos say of what is for everyone, and not when it has gone on", () => {
    const { namings, neighbourhood, come, name, pass } = namingsAmong({ 2: [3], 3: [2, 9] });
    const carried = come("f3", new Uint8Array(32));
    carried.isSought = true;
    for (let time = 0; time < 2; time += 1) {
      pass(NAMED_AFTER_MS);
      neighbourhood.hasSame(2);
      neighbourhood.hasSame(3);
      expect(name(carried)).toBe(true);
      pass(100 * NAMED_AFTER_MS);
      expect(name(carried)).toBe(false);
      namings.addWhereRoom(carried.short);
    }
    carried.isHandedOn = true;
    pass(NAMED_AFTER_MS);
    expect(name(carried)).toBe(false);
  });

  test("takes the place of what has been named already, where there is no other", () => {
    const { namings, come, pass } = namingsAmong({ 2: [3], 3: [2, 9] });
    for (let index = 0; index < 512; index += 1) come(nameOf(index));
    const sought = come("f4", new Uint8Array(32));
    sought.isSought = true;
    namings.forget(sought.short);
    come("f5");
    namings.addWhereRoom(sought.short);
    pass(NAMED_AFTER_MS);
    namings.onNamed(namings.next(true, NOTHING, 60).map(tagOf), false);
    namings.addWhereRoom(sought.short);
    const named: number[] = [];
    for (let frame = 0; frame < 20; frame += 1) {
      pass(NAMED_AFTER_MS);
      const ids = namings.next(true, NOTHING, 60);
      named.push(...ids);
      namings.onNamed(ids.map(tagOf), false);
    }
    expect(named).toContain(sought.short);
  });

  test("takes bounded room, the oldest going first, and what is only sought again waits for room", () => {
    const { namings, come, pass } = namingsAmong({ 2: [] });
    const first = come("0a");
    for (let index = 0; index < 600; index += 1) come(nameOf(index));
    namings.addWhereRoom(first.short);
    pass(NAMED_AFTER_MS);
    const named = new Set<number>();
    for (let frame = 0; frame < 20; frame += 1) {
      const ids = namings.next(true, NOTHING, 60);
      for (const id of ids) named.add(id);
      namings.onNamed(ids.map(tagOf), false);
    }
    expect(named.size).toBe(512);
    expect(named.has(first.short)).toBe(false);
    expect(named.has(Number.parseInt(nameOf(599), 16))).toBe(true);
  });
});

describe("the only ways from here", () => {
  test("are those who alone reach somebody whom this box does not reach", () => {
    const ways = (hears: Readonly<Record<number, readonly number[]>>) =>
      namingsAmong(hears).neighbourhood.soleWays();
    expect(ways({ 2: [3], 3: [2] })).toEqual([]);
    expect(ways({ 2: [9], 3: [9] })).toEqual([]);
    expect(ways({ 2: [8, 9], 3: [9] })).toEqual([2]);
    expect(ways({ 2: [8], 3: [9] })).toEqual([2, 3]);
  });
});
