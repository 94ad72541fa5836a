import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type AdmissionState,
  admit,
  type Circumstances,
  type Decision,
  type LiveLease,
  type Policy,
  type WaitsFor,
} from "../../../../src/vm/admission/index.ts";
import type { LeaseRequest } from "../../../../src/vm/request/index.ts";
import { idOf, keyOf, lease, NETWORK, NOW_MS, policy, request, rule, waiting } from "./fixed-case.ts";

// Few values of everything, so that cases meet: the same key, a full box, a limit that is just kept. Most of them let a request
// through, so that there are enough that nothing speaks against.
const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );
const some = fc.integer({ min: 1, max: 4 });
const maybe = fc.option(some, { nil: undefined });
const key = fc.integer({ min: 1, max: 4 }).map(keyOf);
const priority = fc.constantFrom(10, 30, 50, 100);
const address = fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1", undefined);
const sizes = fc.record({ cpus: some, memoryMiB: some, diskMiB: fc.nat(4) });
const few = fc.record({
  cpus: fc.integer({ min: 1, max: 3 }),
  memoryMiB: mostly(1, 4),
  diskMiB: mostly(1, 0, 4),
});

const requests: fc.Arbitrary<LeaseRequest> = fc
  .record({
    requester: key,
    network: mostly<string | undefined>(NETWORK, undefined),
    resources: fc
      .tuple(few, mostly<number | undefined>(undefined, 1, 3), mostly<number | undefined>(undefined, 2))
      .map(([of, upKbit, downKbit]) => ({ ...of, upKbit, downKbit })),
    durationS: mostly(600, 1, 3_600, 7_200),
    image: mostly("debian-12", "small", "beos"),
    activity: mostly("count herons", "a flood", "mining", ""),
    acceptsInspection: mostly(true, false),
  })
  .map((rest) => request({ ...rest, id: idOf(999) }));

const rules = fc.array(
  fc
    .record({
      requester: fc.option(key, { nil: undefined }),
      network: fc.constantFrom(NETWORK, undefined),
      source: fc.constantFrom("192.0.2.0/24", "2001:db8::/32", undefined),
      verdict: mostly<"allow" | "ask" | "deny">("allow", "ask", "deny"),
      priority: fc.option(fc.integer({ min: 1, max: 99 }), { nil: undefined }),
    })
    .map(rule),
  { maxLength: 3 },
);
const limits = fc.record({
  ...{
    cpus: mostly(3, 1, 2, 4),
    memoryMiB: mostly(4, 1),
    diskMiB: mostly(4, 0),
    durationS: mostly(7_200, 600, 60),
  },
  ...{ upKbit: maybe, downKbit: maybe, connectionsPerS: some },
});
const policies: fc.Arbitrary<Policy> = fc
  .record({
    accept: mostly<Policy["accept"]>("all", "members", "ask", "nobody"),
    rules,
    blocked: mostly<string[]>([], [keyOf(1)]),
    limits,
    counts: fc.record({
      atOnce: fc.nat(6),
      perRequester: mostly(8, 1, 2),
      perSource: mostly(8, 1, 2),
      waiting: fc.nat(4),
    }),
    quietHours: mostly<Policy["quietHours"]>(undefined, { from: 1_320, to: 360 }, { from: 700, to: 800 }),
    activity: fc.record({ minChars: mostly(0, 8), refused: fc.subarray(["flood", "mining"]) }),
    operatorsInspect: mostly(false, true),
    demo: mostly<Policy["demo"]>(undefined, { cpus: 1, memoryMiB: 1, diskMiB: 1, durationS: 600 }),
  })
  .map(policy);

const leases = fc
  .array(fc.tuple(sizes, key, priority, address, fc.nat(9)), { maxLength: 6 })
  .map((all) =>
    all.map(([of, requester, rank, sourceAddress, age], index) =>
      lease(index + 1, { ...of, requester, priority: rank, sourceAddress, startedMs: NOW_MS - age }),
    ),
  );
const crowds = fc
  .array(fc.tuple(key, priority, fc.constantFrom<WaitsFor>("room", "operator", "host")), { maxLength: 3 })
  .map((all) =>
    all.map(([requester, rank, what], index) =>
      waiting(index + 50, { requester, priority: rank, for: what }),
    ),
  );
const states: fc.Arbitrary<AdmissionState> = fc
  .record({ total: sizes, live: leases, crowd: crowds, hasSeen: fc.nat(30) })
  .map(({ total, live, crowd, hasSeen }) => ({
    capability: {
      ...{ cpus: total.cpus * 3, memoryMiB: total.memoryMiB * 3, diskMiB: total.diskMiB * 3 },
      images: ["debian-12", "small"],
    },
    live,
    waiting: crowd,
    seen: { has: () => hasSeen === 0 },
  }));
const cases: fc.Arbitrary<Circumstances> = fc.record({
  policy: policies,
  state: states,
  source: fc.record({
    address,
    local: fc.integer({ min: 0, max: 5 }).map((number) => number === 0),
    networks: mostly<string[]>([NETWORK], []),
    reputation: fc.nat(100),
  }),
  nowMs: fc.constant(NOW_MS),
  localMinuteOfDay: fc.nat(1_439),
  approved: fc.boolean(),
});

type Allowed = Extract<Decision, { kind: "allow" }>;
const remaining = ({ displaces }: Allowed, live: readonly LiveLease[]) =>
  live.filter(({ id }) => !displaces.includes(id));

/** Runs `check` on allowed cases, and sees to it that there were enough of them to say something. */
function whenAllowed(check: (asked: LeaseRequest, given: Circumstances, decision: Allowed) => void): void {
  let allowed = 0;
  fc.assert(
    fc.property(requests, cases, (asked, given) => {
      const decision = admit(asked, given);
      if (decision.kind !== "allow") return;
      allowed += 1;
      check(asked, given, decision);
    }),
    { numRuns: 4_000 },
  );
  expect(allowed).toBeGreaterThan(180);
}

describe("whatever is asked, of whatever box", () => {
  test("nobody gets more than a lease may have, or than they have asked for", () => {
    whenAllowed((asked, { policy, source }, decision) => {
      const demo = source.local ? undefined : policy.demo;
      for (const field of ["cpus", "memoryMiB", "diskMiB"] as const) {
        expect(decision.limits[field]).toBe(asked.resources[field]);
        expect(decision.limits[field]).toBeLessThanOrEqual(policy.limits[field]);
        if (demo !== undefined) expect(decision.limits[field]).toBeLessThanOrEqual(demo[field]);
      }
      expect(decision.limits.durationS).toBe(asked.durationS);
      expect(asked.durationS).toBeLessThanOrEqual(
        Math.min(policy.limits.durationS, demo?.durationS ?? 7_200),
      );
      for (const field of ["upKbit", "downKbit"] as const) {
        const most = policy.limits[field];
        if (most !== undefined) expect(decision.limits[field]).toBeLessThanOrEqual(most);
        expect(decision.limits[field]).toBe(asked.resources[field] ?? most);
      }
      expect(decision.limits.connectionsPerS).toBe(policy.limits.connectionsPerS);
    });
  });

  test("no more is lent than there is, once the displaced are gone", () => {
    whenAllowed((asked, { policy, state }, decision) => {
      const live = remaining(decision, state.live);
      expect(live.length + 1).toBeLessThanOrEqual(policy.counts.atOnce);
      for (const field of ["cpus", "memoryMiB", "diskMiB"] as const) {
        const lent = live.reduce((sum, one) => sum + one[field], asked.resources[field]);
        expect(lent).toBeLessThanOrEqual(state.capability[field]);
      }
      expect(state.capability.images).toContain(asked.image);
    });
  });

  test("nobody is displaced by who is worth no more, nor in vain", () => {
    let displaced = 0;
    whenAllowed((asked, given, decision) => {
      const { live } = given.state;
      expect(new Set(decision.displaces).size).toBe(decision.displaces.length);
      for (const id of decision.displaces) {
        displaced += 1;
        expect(live.find((one) => one.id === id)?.priority).toBeLessThan(decision.priority);
        const kept = live.filter((one) => one.id === id || !decision.displaces.includes(one.id));
        const isTooMuch = (["cpus", "memoryMiB", "diskMiB"] as const).some(
          (field) =>
            kept.reduce((sum, one) => sum + one[field], asked.resources[field]) >
            given.state.capability[field],
        );
        expect(isTooMuch || kept.length >= given.policy.counts.atOnce).toBe(true);
      }
    });
    expect(displaced).toBeGreaterThan(20);
  });

  test("nobody is let in who is blocked, was here before, or whom the rules and hours keep out", () => {
    whenAllowed((asked, { policy, state, source, localMinuteOfDay, approved }, decision) => {
      expect(state.seen.has(asked)).toBe(false);
      if (source.local) {
        expect(decision.priority).toBe(100);
        return;
      }
      expect(decision.priority).toBeLessThan(100);
      expect(policy.blocked).not.toContain(asked.requester);
      expect(asked.network === undefined || source.networks.includes(asked.network)).toBe(true);
      if (policy.rules.length === 0) {
        expect(policy.accept).not.toBe("nobody");
        if (policy.accept === "members") expect(asked.network).toBe(NETWORK);
        if (policy.accept === "ask") expect(approved).toBe(true);
      }
      expect(asked.acceptsInspection || !policy.operatorsInspect).toBe(true);
      expect(asked.activity.length).toBeGreaterThanOrEqual(policy.activity.minChars);
      for (const word of policy.activity.refused) expect(asked.activity).not.toContain(word);
      if (policy.quietHours === undefined) return;
      const { from, to } = policy.quietHours;
      for (let minute = localMinuteOfDay; minute < localMinuteOfDay + asked.durationS / 60; minute += 1) {
        const at = minute % 1_440;
        expect(from < to ? at >= from && at < to : at >= from || at < to).toBe(false);
      }
    });
  });

  test("nobody has more leases than a requester or a place may", () => {
    whenAllowed((asked, { policy, state, source }) => {
      if (source.local) return;
      const all = [...state.live, ...state.waiting];
      const ofThem = all.filter(({ requester }) => requester === asked.requester);
      expect(ofThem.length).toBeLessThan(policy.counts.perRequester);
      const { address: from } = source;
      if (from === undefined) return;
      expect(all.filter((one) => one.sourceAddress === from).length).toBeLessThan(policy.counts.perSource);
    });
  });

  test("the same has always the same answer, and nothing is changed by asking", () => {
    fc.assert(
      fc.property(requests, cases, (asked, given) => {
        const copy = structuredClone({ asked, given: { ...given, state: { ...given.state, seen: 0 } } });
        const decision = admit(asked, given);
        expect(admit(asked, given)).toEqual(decision);
        const after: unknown = { asked, given: { ...given, state: { ...given.state, seen: 0 } } };
        expect(after).toEqual(copy);
      }),
      { numRuns: 500 },
    );
  });

  test("a reason has a code and a sentence, the field where it is the request's, and all of it is journalled", () => {
    const ofTheBox = ["busy", "operator"];
    const codes = new Set<string>();
    fc.assert(
      fc.property(requests, cases, (asked, given) => {
        const decision = admit(asked, given);
        expect(decision.journal).toMatchObject({
          subject: asked.id,
          detail: { requester: asked.requester, activity: asked.activity, source: given.source },
        });
        if (decision.kind === "allow") return;
        const { code, field, words, retryAfterS } = decision.reason;
        codes.add(code);
        expect(decision.journal.detail).toMatchObject({ reason: { code, words } });
        expect(words).toMatch(/^[A-Z].*\.$/);
        expect(field === undefined).toBe(ofTheBox.includes(code));
        if (field !== undefined && field !== "source") {
          const value = field.split(".").reduce<unknown>((at, name) => Reflect.get(Object(at), name), asked);
          expect(value).toBeDefined();
        }
        if (retryAfterS !== undefined) expect(retryAfterS).toBeGreaterThanOrEqual(0);
        if (decision.kind === "deny") return;
        const waitsFor = { operator: "operator", busy: "room" }[code as string] ?? "host";
        expect(decision.waitsFor).toBe(waitsFor as typeof decision.waitsFor);
        expect(decision.kind).toBe(waitsFor === "operator" ? "ask" : "queue");
        if (waitsFor === "host") expect(["quiet-hours", "more-than-there-is"]).toContain(code);
      }),
      { numRuns: 4_000 },
    );
    expect([...codes].sort()).toEqual([
      ...["blocked", "busy", "inspection", "more-than-there-is", "no-description", "no-image", "no-member"],
      ...["not-accepted", "operator", "over-limit", "quiet-hours", "refused-description", "replay", "rule"],
      "too-many",
    ]);
  });
});

/** Ways to loosen a policy, each of which may be taken or not. */
const loosened = (of: Policy, way: number): Policy => {
  const more = (most: number | undefined) => (most === undefined ? undefined : most + 1);
  const { limits, counts, demo } = of;
  const ways: Policy[] = [
    { ...of, accept: "all" },
    { ...of, accept: of.accept === "nobody" ? "members" : of.accept },
    { ...of, rules: of.rules.filter(({ verdict }) => verdict !== "deny") },
    { ...of, rules: of.rules.map((one) => ({ ...one, verdict: "allow" })) },
    { ...of, blocked: [] },
    {
      ...of,
      limits: {
        ...limits,
        cpus: limits.cpus + 1,
        memoryMiB: limits.memoryMiB + 1,
        diskMiB: limits.diskMiB + 1,
      },
    },
    {
      ...of,
      limits: {
        ...limits,
        durationS: limits.durationS * 2,
        upKbit: more(limits.upKbit),
        downKbit: undefined,
      },
    },
    { ...of, counts: { ...counts, atOnce: counts.atOnce + 1 } },
    { ...of, counts: { ...counts, perRequester: counts.perRequester + 1, perSource: counts.perSource + 1 } },
    { ...of, counts: { ...counts, waiting: counts.waiting + 1 } },
    { ...of, quietHours: undefined },
    { ...of, activity: { minChars: 0, refused: of.activity.refused } },
    { ...of, activity: { minChars: of.activity.minChars, refused: of.activity.refused.slice(1) } },
    { ...of, operatorsInspect: false },
    { ...of, demo: undefined },
    {
      ...of,
      demo: demo === undefined ? undefined : { ...demo, cpus: demo.cpus + 1, durationS: demo.durationS * 2 },
    },
  ];
  return ways[way % ways.length] ?? of;
};

describe("a policy that was loosened", () => {
  test("refuses nothing that the stricter one allows, and lets none of it wait", () => {
    const ways = fc.array(fc.nat(15), { minLength: 1, maxLength: 4 });
    let allowed = 0;
    fc.assert(
      fc.property(requests, cases, ways, (asked, given, taken) => {
        const strict = admit(asked, given);
        if (strict.kind !== "allow") return;
        allowed += 1;
        const loose = admit(asked, { ...given, policy: taken.reduce(loosened, given.policy) });
        expect(loose.kind).toBe("allow");
      }),
      { numRuns: 4_000 },
    );
    expect(allowed).toBeGreaterThan(180);
  });

  test("refuses nothing that the stricter one lets wait", () => {
    fc.assert(
      fc.property(requests, cases, fc.nat(15), (asked, given, way) => {
        const strict = admit(asked, given);
        if (strict.kind !== "queue") return;
        const loose = admit(asked, { ...given, policy: loosened(given.policy, way) });
        expect(loose.kind).not.toBe("deny");
      }),
      { numRuns: 2_000 },
    );
  });

  test("is no stricter by a box that has more to lend", () => {
    fc.assert(
      fc.property(requests, cases, sizes, (asked, given, more) => {
        const { capability } = given.state;
        const larger = {
          ...capability,
          cpus: capability.cpus + more.cpus,
          memoryMiB: capability.memoryMiB + more.memoryMiB,
          diskMiB: capability.diskMiB + more.diskMiB,
        };
        if (admit(asked, given).kind !== "allow") return;
        expect(admit(asked, { ...given, state: { ...given.state, capability: larger } }).kind).toBe("allow");
      }),
      { numRuns: 2_000 },
    );
  });
});
