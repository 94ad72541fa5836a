import { describe, expect, test } from "bun:test";
import { DEFAULT_POLICY } from "../../../../src/mesh/paths/path-choice.ts";
import { PathMeasure } from "../../../../src/mesh/paths/path-measure.ts";
import {
  answerWaitMs,
  missesUntilDead,
  paceOf,
  type RetryNeed,
  retryWaitMs,
} from "../../../../src/mesh/paths/proof-schedule.ts";
import { TrainReceiver } from "../../../../src/mesh/paths/train.ts";
import { VirtualNetwork } from "./virtual-network.ts";

describe("what is measured of a path", () => {
  test("round trip and deviation follow RFC 6298", () => {
    const measure = new PathMeasure();
    expect(measure.rttMs).toBeUndefined();
    measure.answered(100, 0);
    expect([measure.rttMs, measure.jitterMs]).toEqual([100, 50]);
    measure.answered(180, 1);
    expect([measure.rttMs, measure.jitterMs]).toEqual([110, 57.5]);
    // A clock that says less than nothing passed is not believed.
    measure.answered(-5, 2);
    expect(measure.rttMs).toBeCloseTo(96.25);
  });

  test("loss is the share of the last proofs, and what came late was not lost", () => {
    const measure = new PathMeasure();
    for (let i = 0; i < 30; i++) {
      if (i % 5 === 0) measure.missed(i);
      else measure.answered(10, i);
    }
    expect(measure.loss(30)).toBeCloseTo(0.1875);
    for (let i = 0; i < 6; i++) measure.wasLate(300, 31);
    expect(measure.loss(31)).toBe(0);
    for (let i = 0; i < 40; i++) measure.missed(100);
    expect(measure.loss(100)).toBeCloseTo(32 / 34);
    expect(measure.loss(300_000)).toBe(0);
  });

  test("load that passed is a throughput from below, proofs alone are none", () => {
    const measure = new PathMeasure();
    for (let ms = 0; ms < 10_000; ms += 500) measure.received(60, ms);
    expect(measure.throughputKbit(10_000)).toBeUndefined();
    for (let ms = 10_000; ms <= 12_000; ms += 10) measure.received(1_250, ms);
    expect(measure.throughputKbit(12_000)).toBe(1_000);
    expect(measure.throughputKbit(700_000)).toBeUndefined();
  });

  test.each([512, 2_000, 20_000])("trains tell that a link of %d kbit/s is one", (kbit) => {
    const network = new VirtualNetwork();
    const wire = network.link("wire", { kbit, jitterMs: 0 });
    const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
    network.introduce(a, b);
    network.time.advance(20_000);
    const told = a.paths.status("b")[0]?.throughputKbit ?? 0;
    expect(told / kbit).toBeGreaterThan(0.9);
    expect(told / kbit).toBeLessThan(1.05);
    expect(b.paths.status("a")[0]?.throughputKbit).toBeDefined();
  });

  test("trains never tell more than they can know, and are not sent where bytes cost", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire", { jitterMs: 0 });
    const modem = network.link("modem", { kind: "internet", metered: true, jitterMs: 0 });
    const [a, b] = [network.box("a", [wire, modem]), network.box("b", [wire, modem])];
    network.introduce(a, b);
    network.time.advance(20_000);
    const [onWire, onModem] = a.paths.status("b");
    expect(onWire?.throughputKbit).toBe(100_000);
    expect(onModem?.throughputKbit).toBeUndefined();
  });

  test.each([0, 100])(
    "what they tell decides between two links as the operator weighs it (%d)",
    (throughput) => {
      const network = new VirtualNetwork();
      const links = [network.link("thin", { kbit: 1_000 }), network.link("wide", { kind: "radio" })];
      const weights = { ...DEFAULT_POLICY.weights, throughput };
      const [a, b] = ["a", "b"].map((name) =>
        network.box(name, links, { policy: { ...DEFAULT_POLICY, weights } }),
      );
      if (!a || !b) throw new Error("two boxes");
      network.introduce(a, b);
      network.time.advance(60_000);
      expect(a.paths.status("b").find(({ chosen }) => chosen)?.interface).toBe(
        throughput === 0 ? "thin" : "wide",
      );
    },
  );

  test("a train whose last datagram is lost tells nothing, and the next is one of its own", () => {
    const receiver = new TrainReceiver();
    const datagram = (train: number, index: number) =>
      ({ kind: "train", train, index, count: 3, padding: 1_000 }) as const;
    expect(receiver.take(datagram(1, 0), 0)).toBeUndefined();
    expect(receiver.take(datagram(1, 1), 1)).toBeUndefined();
    expect(receiver.take(datagram(2, 0), 100)).toBeUndefined();
    expect(receiver.take(datagram(2, 1), 101)).toBeUndefined();
    expect(receiver.take(datagram(2, 2), 102)).toMatchObject({ train: 2, came: 3, spreadUs: 2_000 });
  });
});

describe("the times of proofs", () => {
  test("an answer may take the round trip and its deviation, within bounds", () => {
    const pace = paceOf("ethernet");
    expect(answerWaitMs(pace, undefined, undefined)).toBe(500);
    expect(answerWaitMs(pace, 5, 1)).toBe(100);
    expect(answerWaitMs(pace, 300, 50)).toBe(500);
    expect(answerWaitMs(pace, 9_000, 50)).toBe(1_500);
  });

  test("a path that loses much is given more tries before it is dead", () => {
    expect([0, 0.1, 0.36, 0.5, 0.9, 1].map(missesUntilDead)).toEqual([5, 5, 8, 11, 12, 12]);
  });

  test("a dead path is tried within two seconds while the peer is lost, within ten otherwise, for ever", () => {
    const pace = paceOf("radio");
    const dead = { lostForMs: undefined, wasProven: true, metered: false };
    const wait = (tries: number, need: Partial<RetryNeed> = {}) =>
      retryWaitMs(pace, { ...dead, tries, ...need });
    expect(wait(0, { lostForMs: 0 })).toBe(120);
    expect(wait(1_000, { lostForMs: 60_000 })).toBe(2_000);
    expect(wait(1_000)).toBe(10_000);
    expect(wait(1e9, { lostForMs: 1e12 })).toBe(10_000);
    expect(wait(1e9, { lostForMs: 60_000, metered: true })).toBe(10_000);
    expect(wait(1e9, { metered: true })).toBe(60_000);
  });

  test("one that never answered is tried ever more seldom, down to once in five minutes, where bytes cost an hour", () => {
    const pace = paceOf("radio");
    for (const lostForMs of [undefined, 60_000]) {
      const never = { lostForMs, wasProven: false };
      expect(retryWaitMs(pace, { ...never, tries: 0, metered: true })).toBe(120);
      expect(retryWaitMs(pace, { ...never, tries: 100, metered: false })).toBe(300_000);
      expect(retryWaitMs(pace, { ...never, tries: 100, metered: true })).toBe(3_600_000);
    }
  });
});
