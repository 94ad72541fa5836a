import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { NAT_KINDS } from "../../../../src/mesh/nat/nat-interface.ts";
import { mayPunch } from "../../../../src/mesh/tunnels/punching.ts";
import {
  newTunnel,
  type TunnelAction,
  type TunnelEvent,
  type TunnelState,
} from "../../../../src/mesh/tunnels/tunnel-state.ts";
import { step } from "../../../../src/mesh/tunnels/tunnel-step.ts";

const ID = new Uint8Array(16).fill(1);
const KEY = new Uint8Array(32).fill(2);
const own = { nat: "cone", endpoints: [{ address: "10.1.1.5", port: 1 }], metered: false } as const;
const theirs = { nat: "cone", endpoints: [{ address: "10.2.1.5", port: 2 }], metered: false } as const;
const PLACE = { address: "198.51.100.9", port: 40_001 };
const THEIR_PLACE = { address: "198.51.100.9", port: 40_002 };
const HOLE = { address: "198.51.100.22", port: 2 };

type Untimed = TunnelEvent extends infer E ? (E extends TunnelEvent ? Omit<E, "atMs"> : never) : never;

/** One end in time that passes by ticks, with all that it did. */
function end(role: "leader" | "follower", more: Partial<Parameters<typeof newTunnel>[0]> = {}) {
  let state: TunnelState = newTunnel({
    ...{ id: ID, role, peer: "other", key: KEY, purpose: "test", own, relays: ["r1", "r2"] },
    expiresAtMs: Number.POSITIVE_INFINITY,
    ...more,
  });
  let nowMs = 1_000;
  let done: TunnelAction[] = [];
  const take = (event: Untimed): TunnelAction[] => {
    // Untimed is TunnelEvent without its time, which is put back here.
    const next = step(state, { ...event, atMs: nowMs } as TunnelEvent);
    state = next.state;
    done.push(...next.actions);
    return next.actions;
  };
  return {
    take,
    get state() {
      return state;
    },
    /** Lets time pass. @param isProven echoes come back meanwhile */
    pass(ms: number, isProven = false): TunnelAction[] {
      done = [];
      for (const endMs = nowMs + ms; nowMs < endMs; ) {
        nowMs += 100;
        if (isProven) take({ type: "proof", rttMs: 20 });
        take({ type: "tick" });
      }
      return done;
    },
  };
}

const relaysAsked = (actions: readonly TunnelAction[]) =>
  actions.flatMap((action) =>
    action.type === "tell-relay" && action.message.type === "request" && !action.message.observe
      ? [action.relay]
      : [],
  );
const relaysLeft = (actions: readonly TunnelAction[]) =>
  actions.flatMap((action) =>
    action.type === "tell-relay" && action.message.type === "end" ? [action.relay] : [],
  );
const observes = (actions: readonly TunnelAction[]) =>
  actions.filter(
    (action) => action.type === "tell-relay" && "observe" in action.message && action.message.observe,
  );
const points = (actions: readonly TunnelAction[]) => actions.filter((action) => action.type === "point");
const told = (actions: readonly TunnelAction[]) =>
  actions.flatMap((action) => (action.type === "tell" ? [action.message.type] : []));

const seen = (endpoint: typeof PLACE, bytes = 0, metered = false): Untimed => ({
  ...{ type: "seen", endpoint, bytes, metered },
});
const grantedBy = (from: string): Untimed => ({
  ...{ type: "granted", from, ours: [PLACE], theirs: [THEIR_PLACE], lifetimeMs: 30_000 },
});

function direct() {
  const leader = end("leader");
  leader.take({ type: "accepted", key: KEY, at: theirs });
  leader.take({ type: "proof", rttMs: 20 });
  expect(leader.state.phase).toBe("direct");
  return leader;
}

function relayed(role: "leader" | "follower" = "leader") {
  const subject = end(role);
  subject.take({ type: "accepted", key: KEY, at: theirs });
  subject.pass(300);
  if (role === "leader") subject.take(grantedBy("r1"));
  else subject.take({ type: "relayed", relay: "r1", endpoints: [PLACE] });
  subject.take({ type: "proof", rttMs: 20 });
  subject.take(seen(PLACE));
  expect(subject.state.phase).toBe("relayed");
  return subject;
}

describe("One end of a tunnel", () => {
  test("offers again and again until the other accepts", () => {
    const leader = end("leader");
    expect(told(leader.pass(10_000)).filter((type) => type === "offer")).toHaveLength(4);
    leader.take({ type: "accepted", key: KEY, at: theirs });
    expect(told(leader.pass(10_000))).not.toContain("offer");
  });

  test("waits as long for proofs as they are far apart where its end is somebody else's, and doubts it then as any other", () => {
    const lease = end("leader", { leastPaceMs: 10_000 });
    lease.take({ type: "accepted", key: KEY, at: theirs });
    lease.take({ type: "proof", rttMs: 20 });
    lease.take(seen(PLACE));
    const before = lease.state.way;
    for (let times = 0; times < 5; times++) {
      expect(points(lease.pass(9_500))).toEqual([]);
      lease.take({ type: "proof", rttMs: 20 });
    }
    expect([lease.state.phase, lease.state.way]).toEqual(["direct", before]);
    lease.pass(12_000);
    expect(lease.state.phase).toBe("searching");
  });

  test("asks no relay when the other is met directly at once", () => {
    const leader = direct();
    expect(relaysAsked(leader.pass(20_000, true))).toEqual([]);
    expect(leader.state.phase).toBe("direct");
  });

  test("asks the best relay a moment later when it is not, and tells the other of its place there", () => {
    const leader = end("leader");
    leader.take({ type: "accepted", key: KEY, at: theirs });
    expect(relaysAsked(leader.pass(300))).toEqual(["r1"]);
    const actions = leader.take(grantedBy("r1"));
    expect(actions).toContainEqual({
      type: "tell",
      message: { type: "relayed", id: ID, relay: "r1", endpoints: [THEIR_PLACE] },
    });
    expect(points(actions)).toEqual([{ type: "point", endpoint: PLACE, fresh: true }]);
  });

  test("asks the next relay when one denies, or does not answer within a second", () => {
    const leader = end("leader");
    leader.take({ type: "accepted", key: KEY, at: theirs });
    leader.pass(300);
    expect(relaysAsked(leader.take({ type: "denied", from: "r1" }))).toEqual(["r2"]);
    const silent = end("leader");
    silent.take({ type: "accepted", key: KEY, at: theirs });
    expect(relaysAsked(silent.pass(1_500))).toEqual(["r1", "r2"]);
  });

  test("doubts a way after 0.8 s of silence, and looks for another after 1.2 s", () => {
    const leader = direct();
    expect(leader.pass(800)).toContainEqual({ type: "pace", intervalMs: 100 });
    expect(leader.state.phase).toBe("direct");
    const actions = leader.pass(400);
    expect(leader.state.phase).toBe("searching");
    expect(relaysAsked(actions)).toEqual(["r1"]);
  });

  test("stays where it is when doubt was for nothing", () => {
    const leader = direct();
    leader.pass(1_000);
    expect(points(leader.pass(1_000, true))).toEqual([]);
    expect(leader.state.phase).toBe("direct");
  });

  test("asks another relay than the one that stopped carrying, and leaves that one when granted", () => {
    const leader = relayed();
    expect(relaysAsked(leader.pass(1_300))).toEqual(["r2"]);
    const actions = leader.take({ ...grantedBy("r2"), ours: [HOLE] } as Untimed);
    expect(relaysLeft(actions)).toEqual(["r1"]);
    expect(leader.state.relay?.peer).toBe("r2");
  });

  test("gives back what a relay grants that was not asked, or is not needed any more", () => {
    const leader = direct();
    expect(relaysLeft(leader.take(grantedBy("r9")))).toEqual(["r9"]);
    leader.pass(1_300);
    leader.take({ type: "proof", rttMs: 20 });
    expect(relaysLeft(leader.take(grantedBy("r1")))).toEqual(["r1"]);
    expect(leader.state.relay).toBeUndefined();
  });

  test("renews its place at the relay for as long as it is used", () => {
    const leader = relayed();
    for (let i = 0; i < 5; i++) {
      expect(relaysAsked(leader.pass(11_000, true))).toEqual(["r1"]);
      expect(leader.take(grantedBy("r1"))).toEqual([]);
      expect(leader.state.phase).toBe("relayed");
    }
  });

  test("looks for another way when its relay does not promise any more", () => {
    const leader = relayed();
    const asked = leader.pass(30_000, true);
    expect(relaysAsked(asked)).toContain("r2");
  });

  test("punches when the relay tells where the other is, and leaves the relay ten seconds after that has worked", () => {
    const leader = relayed();
    expect(observes(leader.pass(100, true))).toHaveLength(1);
    const actions = leader.take({ type: "observed", from: "r1", other: HOLE });
    expect(points(actions)).toEqual([{ type: "point", endpoint: HOLE, fresh: false }]);
    for (let i = 0; i < 3; i++) {
      leader.pass(100, true);
      leader.take(seen(HOLE));
    }
    expect(leader.state.phase).toBe("direct");
    expect(relaysLeft(leader.pass(9_000, true))).toEqual([]);
    const after = leader.pass(2_000, true);
    expect(relaysLeft(after)).toEqual(["r1"]);
    expect(told(after)).toEqual(["relayed"]);
  });

  test("points at the hole again when a packet by the relay has turned WireGuard back", () => {
    const follower = relayed("follower");
    follower.take({ type: "observed", from: "r1", other: HOLE });
    follower.pass(100, true);
    expect(points(follower.take(seen(PLACE)))).toEqual([{ type: "point", endpoint: HOLE, fresh: false }]);
    expect(follower.state.phase).toBe("relayed");
  });

  test("is back at the relay half a second after a hole did not open, and tries again later and later", () => {
    const leader = relayed();
    leader.pass(100, true);
    leader.take({ type: "observed", from: "r1", other: HOLE });
    const actions = leader.pass(600);
    expect(points(actions)).toEqual([{ type: "point", endpoint: PLACE, fresh: false }]);
    expect(leader.state.phase).toBe("relayed");
    expect(observes(leader.pass(4_000, true))).toEqual([]);
    expect(observes(leader.pass(2_000, true))).not.toEqual([]);
  });

  test("believes only its own relay about where the other is", () => {
    const leader = relayed();
    expect(leader.take({ type: "observed", from: "r2", other: HOLE })).toEqual([]);
    expect(leader.take({ type: "relay-over", from: "r2" })).toEqual([]);
    expect(direct().take({ type: "observed", from: "r1", other: HOLE })).toEqual([]);
  });

  for (const role of ["leader", "follower"] as const) {
    test(`as ${role} is pointed at whatever its relay says when a punch is due, and else never`, () => {
      const subject = relayed(role);
      let pointedMs = 0;
      for (let ms = 0; ms < 600_000; ms += 100) {
        if (ms % 500 === 0) subject.take({ type: "observed", from: "r1", other: HOLE });
        // The relay carries when WireGuard sends to it.
        subject.pass(100, subject.state.way?.address === PLACE.address);
        if (subject.state.way) subject.take(seen(subject.state.way));
        if (role === "leader" && ms % 10_000 === 0) subject.take(grantedBy("r1"));
        if (subject.state.way?.address === HOLE.address) pointedMs += 100;
      }
      // Four tries: at once, and after 5, 30 and 120 s.
      expect(pointedMs).toBeGreaterThanOrEqual(1_600);
      expect(pointedMs).toBeLessThanOrEqual(3_000);
    });

    test(`as ${role} takes its relay's word for nothing where no hole can be punched`, () => {
      const subject = end(role, { own: { ...own, nat: "symmetric" } });
      subject.take({ type: "accepted", key: KEY, at: { ...theirs, nat: "symmetric" } });
      subject.pass(300);
      subject.take(
        role === "leader" ? grantedBy("r1") : { type: "relayed", relay: "r1", endpoints: [PLACE] },
      );
      subject.pass(1_000, true);
      expect(subject.take({ type: "observed", from: "r1", other: HOLE })).toEqual([]);
    });
  }

  test("does not let a relay have another try by giving another place", () => {
    const leader = relayed();
    leader.pass(100, true);
    leader.take({ type: "observed", from: "r1", other: HOLE });
    leader.pass(600);
    leader.take({ ...grantedBy("r1"), ours: [{ ...PLACE, port: 40_009 }] } as Untimed);
    leader.pass(1_000, true);
    expect(leader.take({ type: "observed", from: "r1", other: HOLE })).toEqual([]);
  });

  test("sends echoes more rarely when nothing is carried, and at once faster when something is", () => {
    const leader = direct();
    let bytes = 0;
    let done: TunnelAction[] = [];
    /** @param data beside the echoes of both ends, the other's as often as may be */
    const carry = (data: number, looks: number) => {
      done = [];
      for (let i = 0; i < looks; i++) {
        bytes += data + (2_000 / leader.state.paceMs + 5) * 192;
        done.push(...leader.pass(2_000, true), ...leader.take(seen(HOLE, bytes)));
      }
      return done.flatMap((action) => (action.type === "pace" ? [action.intervalMs] : []));
    };
    expect(carry(0, 40)).toEqual([2_000]);
    expect(carry(2_000, 2)).toEqual([400]);
    expect(leader.state.phase).toBe("direct");
    expect(carry(2_000, 40)).toEqual([]);
  });

  test("sends them as rarely as a metered link wants, which either end tells the other of", () => {
    const leader = direct();
    leader.pass(1_000, true);
    const actions = leader.take(seen(HOLE, 0, true));
    expect(told(actions)).toEqual(["candidates"]);
    expect(actions).toContainEqual({ type: "pace", intervalMs: 5_000 });
    // It is waited for as long as that.
    expect(leader.pass(5_300)).not.toContainEqual({ type: "pace", intervalMs: 100 });
    expect(leader.pass(500)).toContainEqual({ type: "pace", intervalMs: 100 });
    const follower = direct();
    follower.pass(1_000, true);
    const at = { ...theirs, metered: true };
    const after = follower.take({ type: "candidates", sequence: 1, at });
    expect(after).toEqual([{ type: "pace", intervalMs: 5_000 }]);
  });

  test("searches slowly for an end that is gone, and fast again when there is news of it", () => {
    const leader = end("leader", { relays: ["r1"] });
    leader.take({ type: "accepted", key: KEY, at: theirs });
    const busy = leader.pass(60_000).length;
    leader.pass(1_200_000);
    const slow = leader.pass(600_000);
    expect(slow.length).toBeLessThan(busy);
    // It never gives up.
    expect(points(slow).length).toBeGreaterThan(5);
    const pacesMs = slow.flatMap((action) => (action.type === "pace" ? [action.intervalMs] : []));
    expect(pacesMs).toContain(0);
    for (const news of [
      { type: "candidates", sequence: 1, at: theirs },
      { type: "moved", at: { ...own, nat: "open" }, relays: ["r1"] },
      { type: "moved", at: { ...own, nat: "open" }, relays: ["r1", "r9"] },
    ] as const) {
      leader.pass(600_000);
      leader.take(news);
      expect(leader.pass(60_000).length).toBeGreaterThan(busy / 2);
    }
  });

  test("meets the other at the relay now and then in a slow search", () => {
    const leader = end("leader", { relays: ["r1"] });
    leader.take({ type: "accepted", key: KEY, at: theirs });
    let meetings = 0;
    for (let ms = 0; ms < 3_600_000; ms += 1_000) {
      const asked = relaysAsked(leader.pass(1_000)).length > 0;
      if (asked && told(leader.take(grantedBy("r1"))).includes("relayed") && ms > 600_000) meetings++;
    }
    expect(meetings).toBeGreaterThan(5);
    expect(meetings).toBeLessThan(20);
  });

  test("tells the other at once of new addresses, and looks closely whether it is followed", () => {
    const leader = direct();
    const at = { ...own, endpoints: [{ address: "10.3.1.5", port: 1 }] };
    const actions = leader.take({ type: "moved", at, relays: ["r1"] });
    expect(told(actions)).toEqual(["candidates"]);
    expect(actions).toContainEqual({ type: "pace", intervalMs: 100 });
    leader.pass(500);
    expect(leader.state.phase).toBe("searching");
    // Nothing has changed: nothing is done.
    expect(direct().take({ type: "moved", at: own, relays: ["r1"] })).toEqual([]);
  });

  test("shakes hands with the relay anew at once when it has moved", () => {
    const at = { ...own, endpoints: [{ address: "10.3.1.5", port: 1 }] };
    expect(points(relayed().take({ type: "moved", at, relays: ["r1"] }))).toEqual([
      { type: "point", endpoint: PLACE, fresh: true },
    ]);
  });

  test("takes no older candidates for newer ones", () => {
    const leader = direct();
    leader.take({ type: "candidates", sequence: 5, at: { nat: "open", endpoints: [HOLE], metered: false } });
    leader.take({ type: "candidates", sequence: 4, at: theirs });
    expect(leader.state.theirs.endpoints).toEqual([HOLE]);
  });

  test("ends when the other says so, when told to, or when its time is over, and leaves the relay", () => {
    expect(relaysLeft(relayed().take({ type: "bye", reason: "done" }))).toEqual(["r1"]);
    const closed = relayed();
    expect(told(closed.take({ type: "close", reason: "done" }))).toEqual(["bye"]);
    expect(closed.state).toMatchObject({ phase: "closed", reason: "done" });
    expect(closed.pass(5_000)).toEqual([]);
    const timed = end("leader", { expiresAtMs: 3_000 });
    expect(told(timed.pass(5_000))).toContain("bye");
    expect(timed.state.phase).toBe("closed");
  });

  test("whatever happens, never gives up while there may be a way, nor moves what is proven", () => {
    const endpoint = fc.constantFrom(PLACE, THEIR_PLACE, HOLE, { address: "10.2.1.5", port: 2 });
    const peer = fc.constantFrom("r1", "r2", "other", "r9");
    const at = fc.record({
      nat: fc.constantFrom(...NAT_KINDS),
      endpoints: fc.array(endpoint, { maxLength: 4 }),
      metered: fc.boolean(),
    });
    const list = fc.array(endpoint, { maxLength: 2 });
    const event: fc.Arbitrary<Untimed> = fc.oneof(
      fc.record({ type: fc.constant("candidates" as const), sequence: fc.nat(20), at }),
      fc.record({ type: fc.constant("moved" as const), at, relays: fc.subarray(["r1", "r2"]) }),
      fc.record({ type: fc.constant("proof" as const), rttMs: fc.nat(500) }),
      fc.record({ type: fc.constant("seen" as const), endpoint, bytes: fc.nat(), metered: fc.boolean() }),
      fc.constant({ type: "renewed" as const }),
      fc.record({
        type: fc.constant("granted" as const),
        from: peer,
        ours: list,
        theirs: list,
        lifetimeMs: fc.nat(40_000),
      }),
      fc.record({ type: fc.constant("denied" as const), from: peer }),
      fc.record({ type: fc.constant("relay-over" as const), from: peer }),
      fc.record({ type: fc.constant("relayed" as const), relay: peer, endpoints: list }),
      fc.record({ type: fc.constant("observed" as const), from: peer, other: endpoint }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom("leader" as const, "follower" as const),
        fc.array(fc.tuple(event, fc.nat(20)), { maxLength: 40 }),
        (role, happenings) => {
          const subject = end(role);
          subject.take({ type: "accepted", key: KEY, at: theirs });
          for (const [happening, ticks] of happenings) {
            subject.take(happening);
            subject.pass(ticks * 100);
            expect(subject.state.phase).not.toBe("closed");
          }
          subject.take({ type: "moved", at: own, relays: ["r1"] });
          subject.take({ type: "candidates", sequence: 99, at: theirs });
          expect(points(subject.pass(20_000)).length).toBeGreaterThan(2);
          expect(subject.state.phase).toBe("searching");
          subject.pass(300, true);
          expect(["direct", "relayed"]).toContain(subject.state.phase);
          const settled = subject.pass(5_000, true).filter((action) => action.type === "point");
          expect(settled).toEqual([]);
        },
      ),
    );
  });
});

describe("A hole", () => {
  test("is not tried where one NAT maps by destination and the other filters", () => {
    expect(mayPunch("cone", "cone")).toBe(true);
    expect(mayPunch("open", "symmetric")).toBe(true);
    expect(mayPunch("unknown", "cone")).toBe(true);
    expect(mayPunch("cone", "symmetric")).toBe(false);
    expect(mayPunch("symmetric", "symmetric")).toBe(false);
    expect(mayPunch("blocked", "open")).toBe(false);
    fc.assert(
      fc.property(fc.constantFrom(...NAT_KINDS), fc.constantFrom(...NAT_KINDS), (a, b) => {
        expect(mayPunch(a, b)).toBe(mayPunch(b, a));
      }),
    );
  });
});
