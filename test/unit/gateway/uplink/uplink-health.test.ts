import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type CheckResult,
  isInDoubt,
  isSteady,
  isWorking,
  type LinkState,
  newHealth,
  stepCheck,
  stepLink,
  type UplinkHealth,
} from "../../../../src/gateway/uplink/uplink-health.ts";

const SECOND = 1_000;

/** Applies checks a second apart. */
function checked(health: UplinkHealth, fromMs: number, ...results: (CheckResult | CheckResult["outcome"])[]) {
  return results.reduce((now, result, index) => {
    const check = typeof result === "string" ? { outcome: result, rttMs: 20 } : result;
    return stepCheck(now, check, fromMs + index * SECOND);
  }, health);
}

const up = () => stepLink(newHealth(0), "up", 0);

describe("the health of an uplink", () => {
  test("is what the interface lacks, and is being checked once it lacks nothing", () => {
    let health = newHealth(0);
    for (const link of ["unplugged", "no-address", "no-route"] as const) {
      health = stepLink(health, link, 5);
      expect(health.state).toBe(link);
    }
    expect(stepLink(health, "up", 6).state).toBe("checking");
  });

  test("tells one that reaches something from one that is only associated, captive, or without names", () => {
    for (const outcome of ["associated", "captive", "router-silent", "no-names"] as const) {
      expect(checked(up(), 0, outcome).state).toBe(outcome);
    }
    expect(checked(up(), 0, "reached").state).toBe("online");
    expect(isWorking(checked(up(), 0, "captive"))).toBe(false);
    expect(isWorking(checked(up(), 0, "no-names"))).toBe(true);
  });

  test("knows the page of a captive portal for as long as it is captive", () => {
    const captive = checked(up(), 0, { outcome: "captive", portalUrl: "http://portal/" });
    expect(captive.portalUrl).toBe("http://portal/");
    expect(checked(captive, 1, "reached").portalUrl).toBeUndefined();
    expect(stepLink(captive, "unplugged", 1).portalUrl).toBeUndefined();
  });

  test("doubts after one failure, and falls with the second", () => {
    const once = checked(up(), 0, "reached", "associated");
    expect([once.state, isInDoubt(once)]).toEqual(["online", true]);
    expect(checked(once, 2_000, "reached").fails).toBe(0);
    const twice = checked(once, 2_000, "associated");
    expect([twice.state, isInDoubt(twice), twice.workingSinceMs]).toEqual(["associated", false, undefined]);
  });

  test("one lost name server's answer does not cost it its place; names that fail twice do", () => {
    const once = checked(up(), 0, "reached", "no-names");
    expect(once.state).toBe("online");
    expect(checked(once, 2_000, "no-names").state).toBe("no-names");
    expect(checked(once, 2_000, "no-names", "reached").state).toBe("online");
  });

  test("a wire that is pulled is believed at once", () => {
    const pulled = stepLink(checked(up(), 0, "reached"), "unplugged", 10);
    expect([pulled.state, pulled.workingSinceMs, pulled.falls]).toEqual(["unplugged", undefined, 1]);
  });

  test("one that never failed is trusted at once, one that has after 20 s, 40 s, and 5 min at most", () => {
    expect(isSteady(checked(up(), 0, "reached"), 0)).toBe(true);
    let health = checked(up(), 0, "reached");
    const holds: number[] = [];
    for (let fall = 0; fall < 7; fall += 1) {
      health = checked(health, 0, "associated", "associated", "reached");
      const { workingSinceMs = 0 } = health;
      const hold = [20, 40, 80, 160, 300, 600].find((s) => isSteady(health, workingSinceMs + s * SECOND));
      expect(isSteady(health, workingSinceMs + (hold ?? 0) * SECOND - 1)).toBe(false);
      holds.push(hold ?? 0);
    }
    expect(holds).toEqual([20, 40, 80, 160, 300, 300, 300]);
    expect(stepCheck(health, { outcome: "reached" }, 700 * SECOND).falls).toBe(0);
  });

  test("three failures in ten make it lossy, and it stays so until all but one succeed", () => {
    const mixed = Array.from(
      { length: 10 },
      (_, n): CheckResult => ({ outcome: n % 3 === 2 ? "associated" : "reached" }),
    );
    const lossy = checked(up(), 0, ...mixed);
    expect(lossy.state).toBe("lossy");
    expect(checked(lossy, 10_000, ...Array(5).fill("reached")).state).toBe("lossy");
    expect(checked(lossy, 10_000, ...Array(6).fill("reached")).state).toBe("online");
  });

  test("what failed while nothing worked does not make it lossy", () => {
    const back = checked(up(), 0, ...Array(8).fill("associated"), "reached");
    expect([back.state, back.recent]).toEqual(["online", [true]]);
  });

  test("it is slow from 1.5 s, by the median, until it takes less than one", () => {
    const slow = (ms: number) => ({ outcome: "reached", rttMs: ms }) as const;
    expect(checked(up(), 0, slow(50), slow(9_000), slow(50)).state).toBe("online");
    const one = checked(up(), 0, slow(2_000), slow(2_000));
    expect(one.state).toBe("slow");
    expect(checked(one, 9_000, ...Array(5).fill(slow(1_200))).state).toBe("slow");
    expect(checked(one, 9_000, ...Array(5).fill(slow(300))).state).toBe("online");
  });

  test("whatever happens: it works only since a success, what it remembers is bounded, and time does not go back", () => {
    const event = fc.oneof(
      fc.constantFrom<LinkState>("absent", "unplugged", "no-address", "no-route", "up"),
      fc.record({
        outcome: fc.constantFrom<CheckResult["outcome"]>(
          ...(["reached", "no-names", "captive", "associated", "router-silent"] as const),
        ),
        rttMs: fc.nat(5_000),
      }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let health = newHealth(0);
        for (const [index, one] of events.entries()) {
          const before = health;
          // A check is asked for only while the link is up.
          if (typeof one === "string") health = stepLink(health, one, index);
          else if (!["absent", "unplugged", "no-address", "no-route"].includes(health.state))
            health = stepCheck(health, one, index);
          expect(health.recent.length).toBeLessThanOrEqual(10);
          expect(health.rtts.length).toBeLessThanOrEqual(5);
          expect(health.sinceMs).toBeGreaterThanOrEqual(before.sinceMs);
          if (health.workingSinceMs !== undefined) expect(isWorking(health)).toBe(true);
          if (!isWorking(before) && isWorking(health)) expect(typeof one).toBe("object");
        }
      }),
    );
  });
});
