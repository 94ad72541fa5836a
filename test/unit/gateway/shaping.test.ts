import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fairQueueing, GUEST_CLASSES, guestClass, priorityOf } from "../../../src/gateway/shaping.ts";

const NEITHER = { cake: false, fqCodel: false };
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":"));
const kbit = fc.integer({ min: 1, max: 10_000_000 });

/** What a `class replace` command asks for. */
function classesOf(commands: readonly string[]) {
  return commands
    .filter((command) => command.startsWith("class "))
    .map((command) => ({
      id: / classid (\S+)/.exec(command)?.[1] ?? "",
      parent: / parent (\S+)/.exec(command)?.[1] ?? "",
      rate: Number(/ rate (\d+)kbit/.exec(command)?.[1]),
      ceil: Number(/ ceil (\d+)kbit/.exec(command)?.[1] ?? Number.NaN),
    }));
}

describe("a guest's class", () => {
  test("is one of those that there are, and the same for the same station always", () => {
    fc.assert(
      fc.property(mac, (station) => {
        const found = guestClass(station);
        expect(found).toBeGreaterThanOrEqual(1);
        expect(found).toBeLessThanOrEqual(GUEST_CLASSES);
        expect(guestClass(station)).toBe(found);
      }),
    );
  });

  test("spreads stations that differ in their last byte alone", () => {
    const classes = new Set(
      Array.from({ length: 200 }, (_, n) => guestClass(`02:00:00:00:00:${n.toString(16).padStart(2, "0")}`)),
    );
    expect(classes.size).toBeGreaterThan(100);
  });

  test("has a name of its own that is neither the root's nor that of the rest", () => {
    const names = Array.from({ length: GUEST_CLASSES }, (_, index) => priorityOf(index + 1));
    expect(new Set([...names, "1:1", "1:fff"]).size).toBe(GUEST_CLASSES + 2);
    for (const name of names) expect(name).toMatch(/^1:[0-9a-f]{1,4}$/);
  });
});

describe("fair queueing", () => {
  test("is cake's own work where the kernel has it and guests are the sources", () => {
    expect(fairQueueing("eth0", "up", 5_000, { cake: true, fqCodel: true })).toEqual([
      "qdisc replace dev eth0 root handle 2: cake bandwidth 5000kbit dual-srchost nat",
    ]);
  });

  test("is made of classes otherwise, each with a queue of its own", () => {
    for (const [queueing, leaf] of [
      [{ cake: false, fqCodel: true }, "fq_codel"],
      [NEITHER, "pfifo"],
    ] as const) {
      const commands = fairQueueing("eth0", "up", 5_000, queueing);
      const parents = commands
        .filter((line) => line.includes(` ${leaf} `))
        .map((line) => / parent (\S+)/.exec(line)?.[1]);
      expect(new Set(parents).size).toBe(GUEST_CLASSES);
    }
  });

  test("makes every parent before its children, and every class once", () => {
    for (const direction of ["up", "down"] as const) {
      const made = new Set(["1:"]);
      for (const { id, parent } of classesOf(fairQueueing("eth0", direction, 5_000, NEITHER))) {
        expect(made.has(parent)).toBe(true);
        expect(made.has(id)).toBe(false);
        made.add(id);
      }
      expect(made.size).toBe(GUEST_CLASSES + 3);
    }
  });

  test("promises no more than there is: the assured rates sum up to the uplink at most", () => {
    fc.assert(
      fc.property(kbit, (rate) => {
        const classes = classesOf(fairQueueing("eth0", "up", rate, NEITHER));
        const promised = classes
          .filter(({ parent }) => parent === "1:1")
          .reduce((sum, one) => sum + one.rate, 0);
        // tc knows no rate under 1 kbit/s of ours: below that every class has the least that it can have.
        expect(promised).toBeLessThanOrEqual(Math.max(rate + 1, Math.ceil(rate / 2) + GUEST_CLASSES));
      }),
    );
  });

  test("lets every guest borrow the whole uplink and nobody more than that", () => {
    fc.assert(
      fc.property(kbit, fc.constantFrom("up" as const, "down" as const), (rate, direction) => {
        const guests = classesOf(fairQueueing("eth0", direction, rate, NEITHER)).filter(
          ({ id, parent }) => parent === "1:1" && id !== "1:fff",
        );
        expect(new Set(guests.map(({ ceil }) => ceil))).toEqual(new Set([rate]));
        expect(new Set(guests.map((guest) => guest.rate)).size).toBe(1);
        expect(guests[0]?.rate).toBeGreaterThan(0);
      }),
    );
  });

  test("does not slow down what comes from the box itself to its guests", () => {
    const rest = classesOf(fairQueueing("br-guest", "down", 5_000, NEITHER)).find(({ id }) => id === "1:fff");
    expect(rest).toMatchObject({ parent: "1:", rate: 10_000_000 });
  });
});
