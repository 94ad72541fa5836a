import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  hasConsent,
  newSession,
  type Session,
  type SessionEvent,
  step,
} from "../../../src/gateway/session.ts";

const MAC = "02:00:00:00:00:01";
const START = newSession(MAC, "10.20.0.16", 0);

const AGREED = { kind: "agreed", language: "sw", durationMs: 60_000, from: "" } as const;
const after = (...events: SessionEvent[]): Session =>
  events.reduce((session, event) => step(session, event, 1_000), START);

const event: fc.Arbitrary<SessionEvent> = fc.oneof(
  fc.constantFrom("10.20.0.16", "10.20.0.17").map((ipv4) => ({ kind: "joined", ipv4 }) as const),
  fc.constant({ kind: "shown" } as const),
  fc.record({
    kind: fc.constant("agreed" as const),
    language: fc.constantFrom("en", "ar"),
    durationMs: fc.integer({ min: 1, max: 1e9 }),
    from: fc.constantFrom("", "Harbour"),
  }),
  fc.constant({ kind: "admitted" } as const),
  fc.constant({ kind: "ended" } as const),
);
const events = fc.array(event, { maxLength: 30 });

describe("a session", () => {
  test("goes from new to shown, consented, released and expired", () => {
    const states = [
      START,
      after({ kind: "shown" }),
      after({ kind: "shown" }, AGREED),
      after({ kind: "shown" }, AGREED, { kind: "admitted" }),
      after({ kind: "shown" }, AGREED, { kind: "admitted" }, { kind: "ended" }),
    ].map(({ state }) => state);
    expect(states).toEqual(["new", "shown", "consented", "released", "expired"]);
  });

  test("remembers when the agreement ends and in which language it was made", () => {
    expect(after(AGREED)).toMatchObject({ endsAtMs: 61_000, language: "sw", armed: false });
  });

  test("is never released without an agreement since its last end", () => {
    fc.assert(
      fc.property(events, (all) => {
        let session = START;
        let agreed = false;
        for (const one of all) {
          session = step(session, one, 0);
          if (one.kind === "agreed") agreed = true;
          if (one.kind === "ended") agreed = false;
          if (session.state === "released") expect(agreed).toBe(true);
          expect(hasConsent(session)).toBe(agreed);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("is released only by being admitted, and then only from consented", () => {
    fc.assert(
      fc.property(events, event, (all, last) => {
        const before = after(...all);
        const now = step(before, last, 1_000);
        if (now.state !== "released" || before.state === "released") return;
        expect([before.state, last.kind]).toEqual(["consented", "admitted"]);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is the same after an event that comes twice", () => {
    fc.assert(
      fc.property(events, event, (all, last) => {
        const once = step(after(...all), last, 2_000);
        expect(step(once, last, 2_000)).toEqual(once);
      }),
      { numRuns: 1_000 },
    );
  });

  test("keeps its station, and has an end exactly while it has consent", () => {
    fc.assert(
      fc.property(events, (all) => {
        const session = after(...all);
        expect(session.mac).toBe(MAC);
        expect(session.endsAtMs > 0).toBe(hasConsent(session));
      }),
    );
  });

  test("is the very same object where an event changes nothing", () => {
    const shown = after({ kind: "shown" });
    expect(step(shown, { kind: "shown" }, 5)).toBe(shown);
    const released = after(AGREED, { kind: "admitted" });
    expect(step(released, { kind: "shown" }, 5)).toBe(released);
    expect(step(released, { kind: "admitted" }, 5)).toBe(released);
    const expired = after(AGREED, { kind: "ended" });
    expect(step(expired, { kind: "ended" }, 5)).toBe(expired);
    expect(step(expired, { kind: "admitted" }, 5)).toBe(expired);
  });

  test("that comes back keeps its agreement and meets the portal once more", () => {
    const back = after(AGREED, { kind: "admitted" }, { kind: "joined", ipv4: "10.20.0.17" });
    expect(back).toMatchObject({ state: "released", armed: true, ipv4: "10.20.0.17" });
    expect(step(back, { kind: "shown" }, 5)).toMatchObject({ state: "released", armed: false });
  });

  test("that comes back after its end begins anew", () => {
    expect(after(AGREED, { kind: "ended" }, { kind: "joined", ipv4: "10.20.0.16" }).state).toBe("new");
  });

  test("that agrees again while it is let through stays let through, for longer", () => {
    const released = after(AGREED, { kind: "admitted" });
    expect(step(released, { ...AGREED, durationMs: 90_000 }, 5_000)).toMatchObject({
      state: "released",
      endsAtMs: 95_000,
    });
  });
});
