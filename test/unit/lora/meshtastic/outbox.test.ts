import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Outbox } from "../../../../src/lora/meshtastic/outbox.ts";
import { PacketIds } from "../../../../src/lora/meshtastic/packet-ids.ts";
import { QueueStatusSchema, RoutingError } from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import type { PacketToSend } from "../../../../src/lora/meshtastic/to-radio.ts";
import type { Fate } from "../../../../src/lora/radio.ts";
import { states } from "./rig.ts";

const PEER = 0xbe110002;
const STRANGER = 0x0badcafe;

/** An outbox with firmware that a test plays itself. */
function played() {
  const time = new VirtualTime();
  const sent: PacketToSend[] = [];
  let asked = 0;
  let silences = 0;
  const outbox = new Outbox({
    timers: time,
    ids: new PacketIds(() => 0.5),
    send: (packet) => sent.push(packet),
    askQueue: () => {
      asked += 1;
    },
    airtimeMs: () => 500,
    silent: () => {
      silences += 1;
    },
  });
  outbox.resume();
  return {
    time,
    outbox,
    sent,
    asked: () => asked,
    silences: () => silences,
    add: (to?: number, priority: PacketToSend["priority"] = "room") => {
      const fates: Fate[] = [];
      outbox.add(Uint8Array.of(1), to, priority, (fate) => fates.push(fate));
      time.advance(0);
      return fates;
    },
    status: (free: number, packetId = 0, result = 0) => {
      outbox.takeStatus(create(QueueStatusSchema, { free, length: 16, packetId, result }));
      time.advance(0);
    },
  };
}

describe("the outbox", () => {
  test("hands over the next packet when the firmware has said that it has the one before", () => {
    const { sent, add, status } = played();
    add();
    add();
    add();
    expect(sent).toHaveLength(1);
    status(15, sent[0]?.id);
    expect(sent).toHaveLength(2);
    status(14, sent[1]?.id);
    expect(sent).toHaveLength(2);
    status(15);
    expect(sent).toHaveLength(3);
  });

  test("takes a packet for sent its time on the air after it has left the queue", () => {
    const { sent, add, status, time } = played();
    const fates = add();
    status(15, sent[0]?.id);
    time.advance(2_000);
    expect(states(fates)).toEqual(["queued"]);
    status(16);
    time.advance(499);
    expect(states(fates)).toEqual(["queued"]);
    time.advance(1);
    expect(states(fates)).toEqual(["queued", "on-air"]);
  });

  test("asks while something waits in the firmware, and not otherwise", () => {
    const { sent, add, status, time, asked } = played();
    time.advance(10_000);
    expect(asked()).toBe(0);
    add();
    status(15, sent[0]?.id);
    for (let i = 0; i < 10; i++) {
      time.advance(100);
      status(15);
    }
    expect(asked()).toBeGreaterThanOrEqual(10);
    status(16);
    const before = asked();
    time.advance(10_000);
    expect(asked()).toBe(before);
  });

  test("tries again under another number what found no room, before what came later", () => {
    const { sent, add, status, time } = played();
    const fates = add();
    add();
    status(0, sent[0]?.id, 32);
    expect(sent).toHaveLength(1);
    time.advance(500);
    status(3);
    expect(sent).toHaveLength(1);
    status(12);
    expect(sent).toHaveLength(2);
    expect(sent[1]?.id).not.toBe(sent[0]?.id);
    status(15, sent[1]?.id);
    status(16);
    time.advance(500);
    expect(states(fates)).toEqual(["queued", "on-air"]);
  });

  test("keeps places for what the firmware repeats for others", () => {
    const { sent, add, status } = played();
    status(4);
    add();
    expect(sent).toEqual([]);
    status(5);
    expect(sent).toHaveLength(1);
  });

  test("says so when the firmware does not answer", () => {
    const { add, time, silences } = played();
    const fates = add();
    time.advance(5_000);
    expect(states(fates)).toEqual(["queued", "failed: radio-gone"]);
    expect(silences()).toBe(1);
  });

  test.each([
    [RoutingError.DUTY_CYCLE_LIMIT, "airtime"],
    [RoutingError.RATE_LIMIT_EXCEEDED, "airtime"],
    [RoutingError.TOO_LARGE, "too-large"],
    [RoutingError.MAX_RETRANSMIT, "no-acknowledgement"],
    [RoutingError.TIMEOUT, "no-acknowledgement"],
    [RoutingError.NO_CHANNEL, "refused"],
    [RoutingError.PKI_SEND_FAIL_PUBLIC_KEY, "refused"],
    [RoutingError.NOT_AUTHORIZED, "refused"],
    [99 as RoutingError, "refused"],
  ])("makes of routing error %p that a packet failed: %s", (error, reason) => {
    const told = played();
    const fates = told.add(PEER);
    told.outbox.takeRouting(told.sent[0]?.id ?? 0, error, "radio");
    told.time.advance(0);
    expect(states(fates)).toEqual(["queued", `failed: ${reason}`]);
    // The same by the answer to the packet, which may come first.
    if (error === RoutingError.TIMEOUT || error === RoutingError.MAX_RETRANSMIT) return;
    const again = told.add(PEER);
    told.status(16, told.sent[1]?.id, error);
    expect(states(again)).toEqual(["queued", `failed: ${reason}`]);
  });

  test("lets nobody but the peer and the radio say what became of a packet", () => {
    const { outbox, sent, add, status, time } = played();
    const fates = add(PEER);
    const id = sent[0]?.id ?? 0;
    status(15, id);
    outbox.takeRouting(id, RoutingError.NONE, STRANGER);
    outbox.takeRouting(id, RoutingError.NO_CHANNEL, STRANGER);
    time.advance(0);
    expect(states(fates)).toEqual(["queued"]);
    outbox.takeRouting(id, RoutingError.NONE, PEER);
    time.advance(0);
    expect(states(fates)).toEqual(["queued", "on-air", "acknowledged"]);
  });

  test("gives every packet one last fate, whatever the firmware says", () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), to: fc.constantFrom(undefined, PEER) }),
      fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 9_000 }) }),
      fc.record({
        kind: fc.constant("status" as const),
        free: fc.integer({ min: 0, max: 16 }),
        isOurs: fc.boolean(),
        result: fc.constantFrom(0, 0, 0, 9, 32, 34),
      }),
      fc.record({
        kind: fc.constant("routing" as const),
        error: fc.constantFrom(RoutingError.NONE, RoutingError.MAX_RETRANSMIT),
        by: fc.constantFrom("radio" as const, PEER, STRANGER),
      }),
      fc.record({
        kind: fc.constantFrom("pause" as const, "resume" as const, "suspect" as const, "reset" as const),
      }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { outbox, sent, add, status, time } = played();
        const all: Fate[][] = [];
        for (const each of events) {
          const last = sent.at(-1)?.id ?? 1;
          if (each.kind === "add") all.push(add(each.to));
          else if (each.kind === "pass") time.advance(each.ms);
          else if (each.kind === "status") status(each.free, each.isOurs ? last : 0, each.result);
          else if (each.kind === "routing") outbox.takeRouting(last, each.error, each.by);
          else if (each.kind === "reset") outbox.reset("restarted");
          else outbox[each.kind]();
        }
        outbox.close("over");
        time.advance(400_000);
        for (const fates of all) {
          const [first, ...rest] = states(fates);
          expect(first).toBe("queued");
          const ends = rest.filter((state) => state !== "on-air" || rest.length === 1);
          expect(ends).toHaveLength(1);
          expect(rest.length).toBeLessThanOrEqual(2);
        }
        expect(time.waiting).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
