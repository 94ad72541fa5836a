import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { type Body, decodeBody } from "../../../../src/mesh/paths/body.ts";
import { ControlError } from "../../../../src/mesh/paths/control-error.ts";
import { Courier, type Way, type Ways } from "../../../../src/mesh/paths/courier.ts";
import { Inbox } from "../../../../src/mesh/paths/inbox.ts";
import { Turns } from "../../../../src/mesh/paths/turns.ts";

type Control = Body & { kind: "control" };

class HandWay implements Way {
  readonly carried: Control[] = [];
  readonly times: number[] = [];
  unansweredTimes = 0;
  rttMs: number | undefined = 10;
  jitterMs: number | undefined = 1;
  leastRetryMs = 0;
  isRefusing = false;

  constructor(
    readonly id: string,
    private readonly time: VirtualTime,
    private readonly maxBytes = 1_200,
    private readonly log: string[] = [],
  ) {}

  maxBodyBytes(): number {
    return this.maxBytes;
  }

  carry(bytes: Uint8Array): boolean {
    if (this.isRefusing) return false;
    const body = decodeBody(bytes);
    if (body?.kind !== "control") throw new Error("not a message");
    expect(bytes.length).toBeLessThanOrEqual(this.maxBytes);
    this.carried.push(body);
    this.times.push(this.time.monotonicMs());
    this.log.push(`${this.id} ${body.channel}`);
    return true;
  }

  unanswered(): void {
    this.unansweredTimes += 1;
  }
}

function setUp() {
  const time = new VirtualTime();
  const turns = new Turns(time);
  const [one, two, three] = [new HandWay("one", time), new HandWay("two", time), new HandWay("three", time)];
  const ways: { now: Ways } = {
    now: { chosen: one, second: two, inDoubt: false, usable: [one, two, three] },
  };
  const courier = new Courier({ timers: time, turns, epoch: 5, ways: () => ways.now });
  const outcomes: string[] = [];
  const submit = (channel: string, urgency: "sos" | "control" | "message" = "control", timeoutMs = 10_000) =>
    courier.submit(channel, Uint8Array.of(1), urgency, timeoutMs, (error) =>
      outcomes.push(`${channel} ${error?.reason ?? "there"}`),
    );
  return { time, turns, one, two, three, ways, courier, outcomes, submit };
}

describe("a courier", () => {
  test("sends on the chosen way alone, then on the second too, then on all, ever more seldom", () => {
    const { time, one, two, three, submit, outcomes } = setUp();
    submit("a", "control", 10_000);
    expect([one, two, three].map(({ carried }) => carried.length)).toEqual([1, 0, 0]);
    time.advance(61);
    expect([one, two, three].map(({ carried }) => carried.length)).toEqual([2, 1, 0]);
    time.advance(91);
    expect([one, two, three].map(({ carried }) => carried.length)).toEqual([3, 2, 1]);
    expect(one.unansweredTimes).toBe(2);
    time.advance(9_000);
    const gaps = one.times.map((atMs, i) => atMs - (one.times[i - 1] ?? atMs)).slice(1);
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_000);
    time.advance(1_000);
    expect(outcomes).toEqual(["a timeout"]);
    const sent = one.carried.length;
    time.advance(10_000);
    expect(one.carried.length).toBe(sent);
    expect(time.waiting).toBe(0);
  });

  test("sends on two ways from the start while in doubt", () => {
    const { one, two, three, ways, submit } = setUp();
    ways.now = { ...ways.now, inDoubt: true };
    submit("a");
    expect([one, two, three].map(({ carried }) => carried.length)).toEqual([1, 1, 0]);
  });

  test("sends again at once when the ways change", () => {
    const { one, two, ways, courier, submit } = setUp();
    submit("a");
    ways.now = { chosen: two, second: undefined, inDoubt: false, usable: [two] };
    courier.waysChanged();
    expect([one.carried.length, two.carried.length]).toEqual([1, 1]);
    expect(one.unansweredTimes).toBe(0);
  });

  test("waits while there is no way, and sends as soon as there is one", () => {
    const { time, one, ways, courier, submit, outcomes } = setUp();
    const before = ways.now;
    ways.now = { chosen: undefined, second: undefined, inDoubt: true, usable: [] };
    submit("a");
    time.advance(5_000);
    expect(one.carried.length).toBe(0);
    ways.now = before;
    courier.waysChanged();
    expect(one.carried.length).toBe(1);
    courier.acknowledged(5, [0]);
    expect(outcomes).toEqual(["a there"]);
  });

  test("tells the sender once, and takes no acknowledgment of another start for its own", () => {
    const { time, courier, submit, outcomes } = setUp();
    submit("a");
    courier.acknowledged(6, [0]);
    expect(outcomes).toEqual([]);
    courier.acknowledged(5, [0, 0, 7]);
    courier.acknowledged(5, [0]);
    time.advance(20_000);
    expect(outcomes).toEqual(["a there"]);
  });

  test("gives a message up when nobody there has taken it for two seconds, and not before", () => {
    const { time, courier, submit, outcomes } = setUp();
    submit("late");
    submit("never");
    courier.unserved({ epoch: 5, number: 0 });
    courier.unserved({ epoch: 5, number: 1 });
    time.advance(1_900);
    courier.unserved({ epoch: 5, number: 1 });
    courier.acknowledged(5, [0]);
    expect(outcomes).toEqual(["late there"]);
    time.advance(200);
    courier.unserved({ epoch: 6, number: 1 });
    expect(outcomes).toEqual(["late there"]);
    courier.unserved({ epoch: 5, number: 1 });
    expect(outcomes).toEqual(["late there", "never unserved"]);
    expect(time.waiting).toBe(0);
  });

  test("sends nothing any more once it is stopped, and takes nothing on, not even from those whom it tells", () => {
    const { time, one, courier, submit, outcomes } = setUp();
    for (let i = 0; i < 200; i++) submit(`${i}`, "message");
    const sent = one.carried.length;
    courier.submit("x", Uint8Array.of(1), "sos", 10_000, () => submit("again"));
    expect(one.carried.length).toBe(sent);
    courier.stop(new ControlError("removed", "b"));
    time.advance(20_000);
    expect(one.carried.length).toBe(sent);
    expect(outcomes.length).toBe(201);
    expect(new Set(outcomes.map((outcome) => outcome.split(" ")[1]))).toEqual(new Set(["removed"]));
  });

  test("lets what is more urgent pass", () => {
    const { one, ways, courier, submit } = setUp();
    const before = ways.now;
    ways.now = { chosen: undefined, second: undefined, inDoubt: true, usable: [] };
    submit("m1", "message");
    submit("c1", "control");
    submit("m2", "message");
    submit("s1", "sos");
    ways.now = before;
    courier.waysChanged();
    expect(one.carried.map(({ channel }) => channel)).toEqual(["s1", "c1", "m1", "m2"]);
  });

  test("keeps a bounded number under way and in the queue, and says so", () => {
    const { one, courier, submit, outcomes } = setUp();
    for (let i = 0; i < 1_000; i++) submit(`${i}`, "message");
    expect(one.carried.length).toBeLessThanOrEqual(64);
    expect(courier.waiting).toBeLessThan(600);
    expect(outcomes.length).toBeGreaterThan(300);
    expect(new Set(outcomes.map((outcome) => outcome.split(" ")[1]))).toEqual(new Set(["busy"]));
    // An SOS has a place of its own.
    submit("help", "sos");
    expect(outcomes).not.toContain("help busy");
  });

  test("cuts a message for a way with small datagrams, and the other side puts it together", () => {
    const { time, ways, courier } = setUp();
    const small = new HandWay("small", time, 171);
    ways.now = { chosen: small, second: undefined, inDoubt: false, usable: [small] };
    const body = Uint8Array.from({ length: 1_000 }, (_, i) => i & 255);
    courier.submit("sos", body, "sos", 60_000, () => {});
    expect(small.carried.length).toBe(7);
    const inbox = new Inbox();
    const shuffled = [...small.carried.slice(3), ...small.carried.slice(0, 3)];
    const results = shuffled.map((part) => inbox.take(part, 0));
    expect(results.slice(0, -1).every((result) => result === "partial")).toBe(true);
    expect(results.at(-1)).toEqual(body);
  });

  test("does not hold up others: each gets its turn", () => {
    const time = new VirtualTime();
    const turns = new Turns(time);
    const log: string[] = [];
    const ways: { now: Ways | undefined } = { now: undefined };
    const couriers = ["busy", "quiet"].map((id) => {
      const way = new HandWay(id, time, 1_200, log);
      const none: Ways = { chosen: undefined, second: undefined, inDoubt: true, usable: [] };
      const all: Ways = { chosen: way, second: undefined, inDoubt: false, usable: [way] };
      return new Courier({ timers: time, turns, epoch: 1, ways: () => (ways.now ? all : none) });
    });
    const [busy, quiet] = couriers;
    for (let i = 0; i < 60; i++) busy?.submit("x", Uint8Array.of(1), "sos", 10_000, () => {});
    quiet?.submit("x", Uint8Array.of(1), "message", 10_000, () => {});
    ways.now = { chosen: undefined, second: undefined, inDoubt: false, usable: [] };
    // Both ask in the same breath, as when an interface comes back.
    turns.ask({
      sendOne: () => {
        for (const courier of couriers) courier.waysChanged();
        return false;
      },
    });
    time.advance(1);
    expect(log.indexOf("quiet x")).toBeLessThan(3);
    expect(log.length).toBe(61);
  });
});
