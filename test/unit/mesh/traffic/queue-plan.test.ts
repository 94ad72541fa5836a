import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { planQueues, type Queueing } from "../../../../src/mesh/traffic/queue-plan.ts";
import {
  assuredKbit,
  CLASS_TRAITS,
  type Shares,
  TRAFFIC_CLASSES,
} from "../../../../src/mesh/traffic/traffic-class.ts";

const NOTHING: Queueing = { cake: false, htb: false, fq_codel: false, tbf: false, pfifo_fast: false };
const BARE: Queueing = { ...NOTHING, htb: true, tbf: true, pfifo_fast: true };
const ALL: Queueing = { cake: true, htb: true, fq_codel: true, tbf: true, pfifo_fast: true };
const SHARES: Shares = { control: 10, messages: 25, services: 20, guests: 25, vm: 15, bulk: 5 };
const GUESTS = Array.from({ length: 250 }, (_, index) => `1:${(index + 0x11).toString(16)}`);

const part = fc.integer({ min: 1, max: 1_000 });
const shares = fc.record({
  control: part,
  messages: part,
  services: part,
  guests: part,
  vm: part,
  bulk: part,
});
const kbit = fc.integer({ min: 64, max: 10_000_000 });

interface Class {
  id: string;
  parent: string;
  rate: number;
  ceil: number;
  prio: number;
  quantum: number;
}

const classesOf = (lines: readonly string[]): Class[] =>
  lines
    .filter((line) => line.startsWith("class "))
    .map((line) => ({
      id: / classid (\S+)/.exec(line)?.[1] ?? "",
      parent: / parent (\S+)/.exec(line)?.[1] ?? "",
      rate: Number(/ rate (\d+)kbit/.exec(line)?.[1]),
      ceil: Number(/ ceil (\d+)kbit/.exec(line)?.[1]),
      prio: Number(/ prio (\d+)/.exec(line)?.[1]),
      quantum: Number(/ quantum (\d+)/.exec(line)?.[1]),
    }));

describe("A link of known rate", () => {
  test("assures each class of its share, all of them of no more than there is, and lets each borrow the whole", () => {
    fc.assert(
      fc.property(shares, kbit, (given, rate) => {
        const { below } = planQueues({ name: "eth0", upKbit: rate }, given, BARE);
        const [root, ...classes] = classesOf(below);
        expect(root).toMatchObject({ id: "1:1", parent: "1:", rate, ceil: rate });
        expect(classes.map(({ id }) => id).sort()).toEqual(
          TRAFFIC_CLASSES.map((name) => `1:${CLASS_TRAITS[name].minor.toString(16)}`).sort(),
        );
        for (const { parent, ceil } of classes) expect([parent, ceil]).toEqual(["1:1", rate]);
        const sum = classes.reduce((total, each) => total + each.rate, 0);
        // Every class has 1 kbit/s at least, whatever its share.
        expect(sum).toBeLessThanOrEqual(rate + TRAFFIC_CLASSES.length);
        expect(sum).toBeGreaterThan(rate - TRAFFIC_CLASSES.length);
      }),
    );
  });

  test("lets control borrow before messages, and these before the rest", () => {
    const { below } = planQueues({ name: "eth0", upKbit: 2_000 }, SHARES, BARE);
    const prio = (minor: number) => classesOf(below).find(({ id }) => id === `1:${minor.toString(16)}`)?.prio;
    const order = TRAFFIC_CLASSES.map((name) => prio(CLASS_TRAITS[name].minor));
    expect(order).toEqual([0, 1, 2, 2, 2, 2]);
  });

  test("divides what is borrowed by the shares, a whole packet at least", () => {
    const { below } = planQueues({ name: "eth0", upKbit: 2_000, mtu: 1_400 }, SHARES, BARE);
    const quantum = (minor: number) =>
      classesOf(below).find(({ id }) => id === `1:${minor.toString(16)}`)?.quantum ?? 0;
    expect(quantum(CLASS_TRAITS.guests.minor) / quantum(CLASS_TRAITS.bulk.minor)).toBeCloseTo(5, 0);
    for (const { quantum } of classesOf(below)) expect(quantum).toBeGreaterThanOrEqual(1_414);
  });

  test("cuts large packets where they would hold up the line, and only there", () => {
    const cuts = (rate: number) =>
      planQueues({ name: "eth0", upKbit: rate }, SHARES, BARE).below.some((line) => line.includes("tbf"));
    expect([cuts(2_000), cuts(49_000), cuts(50_000), cuts(1_000_000)]).toEqual([true, true, false, false]);
  });

  test("has queues that hold the largest packet that may come, whatever the rate and the MTU", () => {
    fc.assert(
      fc.property(kbit, fc.integer({ min: 576, max: 9_000 }), (upKbit, mtu) => {
        const { below } = planQueues({ name: "eth0", upKbit, mtu }, SHARES, BARE);
        for (const line of below.filter((text) => text.startsWith("qdisc "))) {
          const limit = Number(/ limit (\d+)/.exec(line)?.[1]);
          const cut = /tbf .* burst (\d+)/.exec(line)?.[1];
          expect(limit).toBeGreaterThanOrEqual(cut === undefined ? 65_536 : 10 * (mtu + 14));
          if (cut !== undefined) expect(Number(cut)).toBeGreaterThan(mtu + 14);
        }
      }),
    );
  });

  test("makes each guest a class below the guests' own, for the marks that the gateway gives", () => {
    const { below } = planQueues({ name: "eth0", upKbit: 8_000, guestClasses: GUESTS }, SHARES, BARE);
    const classes = classesOf(below);
    const own = classes.filter(({ parent }) => parent === "1:300");
    expect(own.map(({ id }) => id)).toEqual(["1:209", ...GUESTS]);
    expect(own.reduce((sum, { rate }) => sum + rate, 0)).toBeLessThanOrEqual(
      assuredKbit(SHARES, 8_000).guests,
    );
    expect(new Set(classes.map(({ id }) => id)).size).toBe(classes.length);
  });

  test("leaves it to cake to tell guests apart where the kernel has it", () => {
    const { mode, below } = planQueues({ name: "eth0", upKbit: 8_000, guestClasses: GUESTS }, SHARES, ALL);
    expect(mode).toBe("shares");
    expect(below.filter((line) => line.includes(" cake "))).toEqual([
      "qdisc replace dev eth0 parent 1:209 cake unlimited besteffort dual-srchost nat",
    ]);
  });

  test("is cake's as a whole where the operator wants that and the kernel has it", () => {
    const link = { name: "eth0", upKbit: 8_000 };
    expect(planQueues(link, SHARES, ALL, "cake")).toMatchObject({
      mode: "cake",
      below: ["qdisc replace dev eth0 root handle 2: cake bandwidth 8000kbit diffserv4 dual-srchost nat"],
    });
    expect(planQueues(link, SHARES, BARE, "cake").mode).toBe("shares");
  });
});

describe("A link of unknown rate", () => {
  test("has no shares: cake, or bands, or nothing, whatever the kernel has", () => {
    const mode = (has: Queueing) => planQueues({ name: "wlan0" }, SHARES, has).mode;
    expect([mode(ALL), mode(BARE), mode(NOTHING)]).toEqual(["cake", "bands", "none"]);
  });

  test("sorts by the kernel's own priorities where it has bands: urgent, the rest, bulk", () => {
    // prio2band of net/sched/sch_generic.c, which pfifo_fast goes by.
    const bands = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];
    expect(TRAFFIC_CLASSES.map((name) => bands[CLASS_TRAITS[name].minor & 15])).toEqual([0, 0, 1, 1, 1, 2]);
  });
});

test("the classes' numbers are none that the gateway gives single guests", () => {
  for (const name of TRAFFIC_CLASSES) {
    const { minor } = CLASS_TRAITS[name];
    expect(minor < 0x11 || minor > 0x10a).toBe(true);
  }
});

test("shares that are all 0 are refused", () => {
  const none = { control: 0, messages: 0, services: 0, guests: 0, vm: 0, bulk: 0 };
  expect(() => assuredKbit(none, 1_000)).toThrow("shares");
});
