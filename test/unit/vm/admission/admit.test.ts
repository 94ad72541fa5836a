import { describe, expect, test } from "bun:test";
import {
  type AdmissionState,
  admit,
  type Circumstances,
  type Decision,
  type Policy,
  type ReasonCode,
  SeenRequests,
} from "../../../../src/vm/admission/index.ts";
import type { LeaseRequest } from "../../../../src/vm/request/index.ts";
import {
  circumstances,
  idOf,
  keyOf,
  lease,
  local,
  member,
  NETWORK,
  NOW_MS,
  policy,
  request,
  rule,
  state,
  stranger,
  waiting,
} from "./fixed-case.ts";

/** What becomes of a request, in short: `allow 50`, `deny busy`, `queue busy`. */
function short(decision: Decision): string {
  return decision.kind === "allow"
    ? `allow ${decision.priority}`
    : `${decision.kind} ${decision.reason.code}`;
}

const decide = (asked: LeaseRequest, rest: Partial<Circumstances> = {}): string =>
  short(admit(asked, circumstances(rest)));

/** The reason of a refusal, without its words, which must say something of their own. */
function reasonOf(
  asked: LeaseRequest,
  rest: Partial<Circumstances>,
): [ReasonCode, string | undefined, string] {
  const decision = admit(asked, circumstances(rest));
  if (decision.kind !== "deny") throw new Error(`it was not refused: ${short(decision)}`);
  return [decision.reason.code, decision.reason.field, decision.reason.words];
}

const asStranger = request({ network: undefined });
const sized = (rest: Partial<LeaseRequest["resources"]>) =>
  request({ resources: { ...request().resources, ...rest } });

describe("who may have a lease", () => {
  test.each<[Policy["accept"], string, string]>([
    ["all", "allow 50", "allow 10"],
    ["members", "allow 50", "deny not-accepted"],
    ["ask", "ask operator", "ask operator"],
    ["nobody", "deny not-accepted", "deny not-accepted"],
  ])("with %s: a member %s, a stranger %s, the operator always", (accept, ofMember, ofStranger) => {
    const given = { policy: policy({ accept }) };
    expect(decide(request(), given)).toBe(ofMember);
    expect(decide(asStranger, { ...given, source: stranger })).toBe(ofStranger);
    expect(decide(asStranger, { ...given, source: local })).toBe("allow 100");
  });

  test("is no member of a network by naming it", () => {
    expect(reasonOf(request(), { source: stranger, policy: policy({ accept: "all" }) }).slice(0, 2)).toEqual([
      "no-member",
      "network",
    ]);
  });

  test("is a stranger who names no network, though a member", () => {
    expect(decide(asStranger, { policy: policy({ accept: "all" }) })).toBe("allow 10");
  });

  test("is nobody who is blocked, by whatever rule", () => {
    const blocked = policy({
      blocked: [request().requester],
      rules: [rule({ verdict: "allow" })],
      accept: "all",
    });
    expect(reasonOf(request(), { policy: blocked }).slice(0, 2)).toEqual(["blocked", "requester"]);
  });

  test("is who the operator says yes to, once asked", () => {
    const ask = { policy: policy({ accept: "ask" }) };
    expect(decide(request(), ask)).toBe("ask operator");
    expect(decide(request(), { ...ask, approved: true })).toBe("allow 50");
    // A yes is none to what is refused.
    expect(decide(request(), { policy: policy({ accept: "nobody" }), approved: true })).toBe(
      "deny not-accepted",
    );
  });

  test("is told which rule refuses", () => {
    const rules = [rule({ requester: keyOf(9) }), rule({ source: "192.0.2.0/24" })];
    expect(reasonOf(request(), { policy: policy({ rules }) })).toEqual([
      "rule",
      "requester",
      "Rule 2 of this box refuses you.",
    ]);
  });
});

describe("a description", () => {
  test("must be as long as the box wants it, spaces not counted", () => {
    const given = { policy: policy({ activity: { minChars: 10, refused: [] } }) };
    expect(decide(request({ activity: "0123456789" }), given)).toBe("allow 50");
    for (const activity of [
      "",
      "012345678",
      "a        b",
      " \u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b",
    ]) {
      expect(reasonOf(request({ activity }), given).slice(0, 2)).toEqual(["no-description", "activity"]);
    }
  });

  test("must not have what the box refuses", () => {
    const given = { policy: policy({ activity: { minChars: 0, refused: ["crypto mining", "flood"] } }) };
    expect(reasonOf(request({ activity: "A Flood of letters" }), given)).toEqual([
      "refused-description",
      "activity",
      'This box lends nothing for "flood".',
    ]);
    expect(decide(request({ activity: "mining for words" }), given)).toBe("allow 50");
  });
});

describe("a lease", () => {
  test("is refused where operators look inside and its requester has not agreed", () => {
    const given = { policy: policy({ operatorsInspect: true }) };
    expect(decide(request({ acceptsInspection: true }), given)).toBe("allow 50");
    const refused = request({ acceptsInspection: false });
    expect(reasonOf(refused, given).slice(0, 2)).toEqual(["inspection", "acceptsInspection"]);
    expect(decide(refused)).toBe("allow 50");
  });

  test.each<[string, LeaseRequest, string]>([
    ["processors", sized({ cpus: 3 }), "resources.cpus"],
    ["memory", sized({ memoryMiB: 1_025 }), "resources.memoryMiB"],
    ["disk", sized({ diskMiB: 4_097 }), "resources.diskMiB"],
    ["to send", sized({ upKbit: 10_001 }), "resources.upKbit"],
    ["to receive", sized({ downKbit: 20_001 }), "resources.downKbit"],
    ["time", request({ durationS: 3_601 }), "durationS"],
  ])("is refused that wants more %s than one may have, the operator's too", (_, asked, field) => {
    expect(reasonOf(asked, {}).slice(0, 2)).toEqual(["over-limit", field]);
    expect(reasonOf(asked, { source: local }).slice(0, 2)).toEqual(["over-limit", field]);
  });

  test("gets what it asks for, and the limits where it asks for nothing", () => {
    const decision = admit(request(), circumstances());
    if (decision.kind !== "allow") throw new Error(short(decision));
    expect(decision.limits).toEqual({
      ...{ cpus: 1, memoryMiB: 256, diskMiB: 1_024, durationS: 600 },
      ...{ upKbit: 2_000, downKbit: 20_000, connectionsPerS: 50 },
    });
  });

  test.each<[string, LeaseRequest, string, string]>([
    ["processors", sized({ cpus: 5 }), "resources.cpus", "4 processors"],
    ["memory", sized({ memoryMiB: 2_049 }), "resources.memoryMiB", "2048 MiB of memory"],
    ["disk", sized({ diskMiB: 8_193 }), "resources.diskMiB", "8192 MiB of disk"],
  ])("is refused that wants more %s than there is, whoever would go for it", (_, asked, field, words) => {
    const limits = { ...policy().limits, cpus: 99, memoryMiB: 99_999, diskMiB: 99_999 };
    const given = { policy: policy({ limits }), source: local };
    expect(reasonOf(asked, given)).toEqual([
      ...([
        "more-than-there-is",
        field,
        `This box has no more than ${words} to lend at the moment.`,
      ] as const),
    ]);
  });

  test("is refused of an image that is not here", () => {
    expect(reasonOf(request({ image: "beos" }), {})).toEqual([
      "no-image",
      "image",
      "This box has no image beos; it has debian-12, small.",
    ]);
  });
});

describe("the number of leases", () => {
  const mine = { requester: request().requester };

  test("of one requester is limited, with what waits, but not the box's own operator's", () => {
    const given: Partial<Circumstances> = {
      policy: policy({ counts: { ...policy().counts, perRequester: 2 } }),
      state: state({ live: [lease(1, mine)], waiting: [waiting(2, { ...mine, for: "operator" })] }),
    };
    expect(reasonOf(request(), given).slice(0, 2)).toEqual(["too-many", "requester"]);
    expect(decide(request({ requester: keyOf(7) }), given)).toBe("allow 50");
    expect(decide(request(), { ...given, source: local })).toBe("allow 100");
  });

  test("from one place is limited, by whatever key, and a /64 is one place", () => {
    const counts = { ...policy().counts, perSource: 1 };
    const at = (address: string, taken: string): string =>
      decide(request(), {
        policy: policy({ counts }),
        state: state({ live: [lease(1, { sourceAddress: taken })] }),
        source: { ...member, address },
      });
    expect(at("192.0.2.9", "192.0.2.9")).toBe("deny too-many");
    expect(at("::ffff:192.0.2.9", "192.0.2.9")).toBe("deny too-many");
    expect(at("192.0.2.9", "192.0.2.8")).toBe("allow 50");
    expect(at("2001:db8::1", "2001:db8::ffff:1")).toBe("deny too-many");
    expect(at("2001:db8::1", "2001:db8:0:1::1")).toBe("allow 50");
  });

  test("at a time is limited for all: who is worth more displaces, who is not waits", () => {
    const given = {
      policy: policy({ accept: "all", counts: { ...policy().counts, atOnce: 1 } }),
      state: state({ live: [lease(1)] }),
    };
    expect(admit(request(), circumstances(given))).toMatchObject({ kind: "allow", displaces: [idOf(1)] });
    expect(decide(asStranger, given)).toBe("queue busy");
  });

  test("may be none at all", () => {
    const given = { policy: policy({ counts: { ...policy().counts, atOnce: 0 } }) };
    expect(decide(request(), { ...given, source: local })).toBe("queue busy");
  });
});

describe("quiet hours", () => {
  const quiet = (localMinuteOfDay: number): Partial<Circumstances> => ({
    policy: policy({ quietHours: { from: 22 * 60, to: 6 * 60 } }),
    localMinuteOfDay,
  });

  const itself = waiting(1, { id: request().id, requester: request().requester, priority: 50, for: "host" });

  test("let wait whatever is asked in them, and say when they end", () => {
    const decision = admit(request(), circumstances(quiet(23 * 60)));
    expect(decision).toMatchObject({
      ...{ kind: "queue", waitsFor: "host" },
      reason: { code: "quiet-hours", retryAfterS: 7 * 3_600 },
    });
    expect(decide(request(), quiet(5 * 60 + 59))).toBe("queue quiet-hours");
    expect(decide(request(), { ...quiet(6 * 60), state: state({ waiting: [itself] }) })).toBe("allow 50");
  });

  test("keep nobody waiting for what is refused afterwards", () => {
    const { capability } = state();
    const given = { ...quiet(23 * 60), state: state({ capability: { ...capability, cpus: 0 } }) };
    expect(decide(request(), given)).toBe("deny more-than-there-is");
  });

  test("refuse where nobody more may wait", () => {
    const counts = { ...policy().counts, waiting: 0 };
    const given = {
      ...quiet(23 * 60),
      policy: policy({ quietHours: { from: 22 * 60, to: 6 * 60 }, counts }),
    };
    expect(decide(request(), given)).toBe("deny quiet-hours");
  });

  test("that come while a request waits let it wait on, and let others pass it who are back before", () => {
    const late = quiet(21 * 60 + 50);
    const given = { ...late, state: state({ waiting: [itself] }) };
    expect(decide(request({ durationS: 601 }), given)).toBe("queue quiet-hours");
    expect(decide(request({ id: idOf(7), durationS: 600 }), given)).toBe("allow 50");
  });

  test("are told only to whom nothing else is in the way", () => {
    expect(decide(request({ image: "beos" }), quiet(23 * 60))).toBe("deny no-image");
    const ask = {
      ...quiet(23 * 60),
      policy: policy({ accept: "ask", quietHours: { from: 22 * 60, to: 360 } }),
    };
    expect(decide(request(), ask)).toBe("ask operator");
    expect(decide(request(), { ...ask, approved: true })).toBe("queue quiet-hours");
  });

  test("refuse beforehand what would last into them", () => {
    expect(decide(request({ durationS: 600 }), quiet(21 * 60 + 50))).toBe("allow 50");
    expect(reasonOf(request({ durationS: 601 }), quiet(21 * 60 + 50))).toEqual([
      "quiet-hours",
      "durationS",
      "This box lends nothing from 22:00 to 06:00 of its time, which begins in 10 minutes.",
    ]);
  });

  test("are not the operator's", () => {
    expect(decide(request(), { ...quiet(23 * 60), source: local })).toBe("allow 100");
  });
});

describe("a box that measures less than before", () => {
  const less = { cpus: 4, memoryMiB: 16, diskMiB: 8_192, images: ["debian-12", "small"] };

  test("refuses what is more than it has, and lets wait on who waits already", () => {
    const itself = waiting(1, { id: request().id, requester: request().requester, priority: 50 });
    expect(decide(request(), { state: state({ capability: less }) })).toBe("deny more-than-there-is");
    const given = { state: state({ capability: less, waiting: [itself] }) };
    expect(decide(request(), given)).toBe("queue more-than-there-is");
    expect(admit(request(), circumstances(given))).toMatchObject({ waitsFor: "host" });
  });
});

describe("demo mode", () => {
  const demo = { cpus: 1, memoryMiB: 256, diskMiB: 512, durationS: 300 };
  const small = request({ resources: { ...request().resources, diskMiB: 512 }, durationS: 300 });
  const given = { policy: policy({ demo, accept: "all" }) };

  test("allows what is short and small, and one for each requester and place", () => {
    expect(decide(small, given)).toBe("allow 50");
    const taken = (rest: object) => ({ ...given, state: state({ live: [lease(1, rest)] }) });
    expect(decide(small, taken({ requester: small.requester }))).toBe("deny too-many");
    expect(decide(small, taken({ sourceAddress: member.address }))).toBe("deny too-many");
    expect(decide(small, taken({}))).toBe("allow 50");
  });

  test("refuses what is longer or larger, with the field", () => {
    expect(reasonOf({ ...small, durationS: 301 }, given).slice(0, 2)).toEqual(["over-limit", "durationS"]);
    const large = { ...small, resources: { ...small.resources, memoryMiB: 257 } };
    expect(reasonOf(large, given)).toEqual([
      "over-limit",
      "resources.memoryMiB",
      "A lease gets at most 256 MiB of memory here.",
    ]);
    expect(decide({ ...large, durationS: 3_600 }, { ...given, source: local })).toBe("allow 100");
  });

  test("gives nobody more than there was without it", () => {
    const more = policy({ demo: { ...demo, durationS: 99_999 }, accept: "all" });
    expect(decide({ ...small, durationS: 3_601 }, { policy: more })).toBe("deny over-limit");
  });
});

describe("a request that was here before", () => {
  test("is refused, whether its lease lives or not", () => {
    const seen = new SeenRequests();
    seen.add(request());
    expect(reasonOf(request(), { state: state({ seen }) }).slice(0, 2)).toEqual(["replay", "id"]);
    const live = [lease(1, { id: request().id, requester: request().requester })];
    expect(decide(request(), { state: state({ live }) })).toBe("deny replay");
  });

  test("is looked at anew while it waits", () => {
    const seen = new SeenRequests();
    seen.add(request());
    const itself = waiting(1, { id: request().id, requester: request().requester, priority: 50 });
    const given = { state: state({ seen, waiting: [itself] }) };
    expect(decide(request(), given)).toBe("allow 50");
    expect(decide(request({ requester: keyOf(5) }), given)).toBe("deny id-taken");
  });

  test("keeps another from using its id, or one of which the same names would be made", () => {
    const id = `${request().id.slice(0, 10)}${"f".repeat(22)}`;
    expect(reasonOf(request(), { state: state({ live: [lease(1, { id })] }) }).slice(0, 2)).toEqual([
      "id-taken",
      "id",
    ]);
    expect(decide(request(), { state: state({ waiting: [waiting(1, { id, priority: 1 })] }) })).toBe(
      "deny id-taken",
    );
  });
});

describe("where there is no room", () => {
  const full = (priority: number): AdmissionState =>
    state({
      live: [1, 2, 3, 4].map((number) => lease(number, { priority, endsMs: NOW_MS + number * 1_000 })),
    });

  test("a request waits, and is told when there will be some", () => {
    expect(admit(request(), circumstances({ state: full(50) }))).toMatchObject({
      kind: "queue",
      priority: 50,
      reason: { code: "busy", retryAfterS: 1 },
    });
    const two = { ...request().resources, cpus: 2 };
    expect(admit(request({ resources: two }), circumstances({ state: full(50) }))).toMatchObject({
      reason: { retryAfterS: 2 },
    });
  });

  test("a request is refused when too many wait, or none may", () => {
    const crowd = [1, 2, 3, 4].map((number) => waiting(number + 10));
    expect(reasonOf(request(), { state: { ...full(50), waiting: crowd } })).toEqual([
      ...(["busy", undefined, "Too many wait already."] as const),
    ]);
    const none = policy({ counts: { ...policy().counts, waiting: 0 }, accept: "ask" });
    expect(decide(request(), { policy: none })).toBe("deny busy");
    expect(decide(request(), { policy: none, approved: true, state: full(50) })).toBe("deny busy");
  });

  test("one that waits already goes on waiting, however many others do", () => {
    const itself = waiting(1, { id: request().id, requester: request().requester, priority: 50 });
    const crowd = [itself, waiting(12), waiting(13), waiting(14)];
    expect(decide(request(), { state: { ...full(50), waiting: crowd } })).toBe("queue busy");
  });

  test("nobody is passed by who came later and is worth no more", () => {
    const large = waiting(1, { priority: 50 });
    expect(decide(request(), { state: state({ waiting: [large] }) })).toBe("queue busy");
    expect(decide(request(), { state: state({ waiting: [{ ...large, priority: 49 }] }) })).toBe("allow 50");
    expect(decide(request(), { state: state({ waiting: [{ ...large, for: "operator" }] }) })).toBe(
      "allow 50",
    );
    const itself = waiting(2, { id: request().id, requester: request().requester, priority: 50 });
    expect(decide(request(), { state: state({ waiting: [itself, large] }) })).toBe("allow 50");
    expect(decide(request(), { state: state({ waiting: [large, itself] }) })).toBe("queue busy");
  });

  test("the box's own leases go before members', and those before strangers'", () => {
    const displaces = (asked: LeaseRequest, rest: Partial<Circumstances>) => {
      const decision = admit(asked, circumstances({ policy: policy({ accept: "all" }), ...rest }));
      return decision.kind === "allow" ? decision.displaces.length : decision.kind;
    };
    expect(displaces(request(), { state: full(10) })).toBe(1);
    expect(displaces(request(), { state: full(50) })).toBe("queue");
    expect(displaces(asStranger, { state: full(10) })).toBe("queue");
    expect(displaces(asStranger, { state: full(50), source: local })).toBe(1);
    expect(displaces(asStranger, { state: full(100), source: local })).toBe("queue");
  });
});

describe("what the journal keeps of a decision", () => {
  test("is who asked for what and why, and what became of it", () => {
    const { journal } = admit(request(), circumstances());
    expect(journal).toEqual({
      kind: "lease-allowed",
      subject: request().id,
      detail: {
        requester: request().requester,
        network: NETWORK,
        resources: request().resources,
        durationS: 600,
        image: "debian-12",
        activity: "Count the herons of the delta",
        acceptsInspection: true,
        source: member,
        priority: 50,
        rule: undefined,
        limits: expect.objectContaining({ cpus: 1, upKbit: 2_000 }),
        displaces: [],
      },
    });
  });

  test("has the reason of every other one, and never too much for the journal", () => {
    const wordy = request({ activity: "\u0800".repeat(500) });
    const cases: [Partial<Circumstances>, string][] = [
      [{ policy: policy({ accept: "nobody" }) }, "lease-denied"],
      [{ policy: policy({ accept: "ask" }) }, "lease-asked"],
      [{ policy: policy({ counts: { ...policy().counts, atOnce: 0 } }) }, "lease-queued"],
    ];
    for (const [given, kind] of cases) {
      const decision = admit(wordy, circumstances(given));
      if (decision.kind === "allow") throw new Error(short(decision));
      expect(decision.journal).toMatchObject({
        kind,
        detail: { reason: decision.reason, activity: wordy.activity },
      });
      expect(JSON.stringify(decision.journal.detail).length).toBeLessThan(8_192);
    }
  });
});

describe("a box that needs itself", () => {
  const pressed = state({ needsItself: "its processors are busy" });

  test("lets whoever may have a lease wait, whoever asks, and says what it needs", () => {
    for (const source of [member, local]) {
      const decision = admit(request(), circumstances({ state: pressed, source }));
      expect(decision).toMatchObject({ kind: "queue", waitsFor: "host" });
      expect(decision.kind === "queue" && decision.reason.words).toBe(
        "This box needs itself at the moment: its processors are busy.",
      );
    }
  });

  test("refuses all the same what it would not lend in any case", () => {
    expect(decide(sized({ cpus: 5 }), { state: pressed })).toBe("deny over-limit");
    expect(decide(asStranger, { state: pressed, source: stranger })).toBe("deny not-accepted");
  });

  test("lends again when it has enough", () => {
    expect(decide(request(), { state: state({ needsItself: undefined }) })).toBe("allow 50");
  });
});
