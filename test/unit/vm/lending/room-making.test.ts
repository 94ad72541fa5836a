import { beforeEach, describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import {
  type Allowed,
  MAKING_ROOM,
  NO_ROOM,
  RoomMaking,
  type RoomMakingDesk,
  reserved,
} from "../../../../src/vm/lending/room-making.ts";
import type { LenderAnswer } from "../../../../src/vm/lending/turns.ts";
import { type Applicant, newApplicant } from "../../../../src/vm/lending/waiting-book.ts";
import { capturedLog } from "../../captured-log.ts";
import { idOf, member, policy } from "../admission/fixed-case.ts";
import { fixedRequest } from "../request/fixed-request.ts";

const GIVEN: LenderAnswer = { is: "admitted", tunnel: { publicKey: "", endpoint: undefined } };
const displacing = (...displaces: string[]): Allowed => ({
  ...{ kind: "allow", priority: 10, limits: policy().limits, displaces },
  journal: { kind: "lease-allowed", subject: idOf(1), detail: {} },
});

describe("the room for one that goes first", () => {
  let time: VirtualTime;
  let captured: ReturnType<typeof capturedLog>;
  /** What was asked of the desk, in order. */
  let calls: unknown[][];
  /** How many could be ended is told when the test says so. */
  let ended: PromiseWithResolvers<boolean>;
  let one: Applicant;

  beforeEach(() => {
    time = new VirtualTime();
    captured = capturedLog();
    calls = [];
    ended = Promise.withResolvers();
    one = newApplicant(fixedRequest({ id: idOf(1) }), member, 0, 0);
    one.why = "it waits";
  });

  const making = (more: Partial<RoomMakingDesk> = {}) =>
    new RoomMaking({
      running: {
        end: async (...what) => {
          calls.push(["end", ...what]);
          return ended.promise;
        },
      },
      withCheckpoint: true,
      inTurn: async (task) => {
        calls.push(["turn"]);
        return task();
      },
      isWaiting: () => true,
      mayWait: () => true,
      give: async () => {
        calls.push(["give", one.isNext]);
        return GIVEN;
      },
      refuse: async (_, why) => ({ is: "refused", why }),
      onMade: () => calls.push(["made"]),
      ...{ log: captured.log, timers: time },
      ...more,
    });

  test("is made by ending who gives way, and only then it is given, in its turn", async () => {
    const rooms = making();
    const made = rooms.make(one, displacing("a", "b"));
    expect(one.isNext).toBe(true);
    ended.resolve(true);
    expect(await made).toBe(GIVEN);
    await rooms.settle();
    const why = "one that goes first needs the room";
    expect(calls).toEqual([
      ["end", ["a", "b"], { type: "displaced", withCheckpoint: true, why }],
      ["turn"],
      ["give", false],
      ["made"],
    ]);
  });

  test("is given to nobody who has given up meanwhile", async () => {
    const rooms = making({ isWaiting: () => false });
    one.state = { ...one.state, why: "its requester has released it" };
    ended.resolve(true);
    expect(await rooms.make(one, displacing("a"))).toEqual({ is: "refused", why: one.state.why });
    expect(calls.map(([what]) => what)).not.toContain("give");
  });

  test("that could not be made leaves who it was for waiting, and refuses who may not wait", async () => {
    ended.resolve(false);
    expect(await making().make(one, displacing("a"))).toEqual({ is: "queued", why: NO_ROOM });
    expect(one).toMatchObject({ isNext: false, why: NO_ROOM });
    const refused = await making({ mayWait: () => false }).make(one, displacing("a"));
    expect(refused).toEqual({ is: "refused", why: NO_ROOM });
  });

  test("leaves nobody next for ever where something fails, and says so once", async () => {
    ended.reject(new Error("libvirt is gone"));
    const rooms = making();
    expect(await rooms.make(one, displacing("a"))).toEqual({ is: "queued", why: "it waits" });
    expect(one.isNext).toBe(false);
    expect(captured.lines.map(({ msg }) => msg)).toEqual([`request ${idOf(1)}: no room could be made`]);
    await rooms.settle();
    expect(calls.at(-1)).toEqual(["made"]);
  });

  test("is waited for by who asks for five seconds at the most", async () => {
    const rooms = making();
    const late = rooms.soon(rooms.make(one, displacing("a")));
    time.advance(4_999);
    const soon = rooms.soon(Promise.resolve(GIVEN));
    expect(await soon).toBe(GIVEN);
    time.advance(1);
    expect(await late).toEqual({ is: "queued", why: MAKING_ROOM });
    ended.resolve(true);
    await rooms.settle();
    expect(time.waiting).toBe(0);
  });

  test("is waited for to the last by who closes", async () => {
    const rooms = making();
    void rooms.make(one, displacing("a"));
    const settled = rooms.settle().then(() => calls.push(["settled"]));
    await Bun.sleep(0);
    expect(calls.map(([what]) => what)).toEqual(["end"]);
    ended.resolve(true);
    await settled;
    expect(calls.map(([what]) => what)).toContain("give");
  });

  test("counts as lent while it is made, before everybody's", () => {
    const { id, requester, durationS, resources } = one.request;
    const { cpus, memoryMiB, diskMiB } = resources;
    expect(reserved(one, 1_000)).toEqual({
      ...{ id, requester, cpus, memoryMiB, diskMiB, sourceAddress: member.address },
      ...{ priority: Number.POSITIVE_INFINITY, startedMs: 1_000, endsMs: 1_000 + durationS * 1_000 },
    });
  });
});
