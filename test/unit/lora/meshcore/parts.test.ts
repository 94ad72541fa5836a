import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { AirUse } from "../../../../src/lora/meshcore/air-use.ts";
import type { Answer, Contact } from "../../../../src/lora/meshcore/answers.ts";
import { batteryPercent } from "../../../../src/lora/meshcore/battery.ts";
import {
  type Command,
  CommandQueue,
  FirmwareError,
  type Outcome,
} from "../../../../src/lora/meshcore/command-queue.ts";
import { Departures, type QueueLength } from "../../../../src/lora/meshcore/departures.ts";
import { HeardSignals } from "../../../../src/lora/meshcore/heard-signals.ts";
import { Knowledge } from "../../../../src/lora/meshcore/knowledge.ts";
import { askDevice, askTime, order } from "../../../../src/lora/meshcore/requests.ts";
import { MAX_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES } from "../../../../src/lora/meshcore/wire-sizes.ts";
import { fromZeroFree, zeroFree } from "../../../../src/lora/meshcore/zero-free.ts";
import { RadioError } from "../../../../src/lora/radio.ts";
import { capturedLog } from "../../captured-log.ts";

describe("bytes in a MeshCore text", () => {
  test("come out as they went in, with two bytes more, no 0, and never like a person's text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES }), (payload) => {
        const text = zeroFree(payload);
        expect(text.length).toBe(payload.length + 2);
        expect(text.includes(0)).toBe(false);
        expect(fromZeroFree(text)).toEqual(payload);
        expect(() => new TextDecoder("utf-8", { fatal: true }).decode(text)).toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  test("are none where a person wrote, or the text was cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        expect(fromZeroFree(new TextEncoder().encode(text))).toBeUndefined();
      }),
    );
    expect(fromZeroFree(Uint8Array.of(0xff))).toBeUndefined();
    expect(fromZeroFree(Uint8Array.of(0xff, 1, 0))).toBeUndefined();
    const all = Uint8Array.from({ length: 255 }, (_, at) => at + 1);
    expect(() => zeroFree(all)).toThrow("payload");
  });
});

describe("commands, one at a time", () => {
  const device: Answer = {
    kind: "device-info",
    device: { protocolVersion: 3, model: "x", firmware: "y", repeats: undefined },
  };

  function queueing() {
    const time = new VirtualTime();
    const written: number[] = [];
    const silent: string[] = [];
    const queue = new CommandQueue({
      timers: time,
      write: (frame) => written.push(frame[0] ?? -1),
      resync: askDevice,
      onSilent: (detail) => silent.push(detail),
    });
    const run = <T>(command: Command<T>) => {
      const outcomes: Outcome<T>[] = [];
      queue.run(command, (outcome) => outcomes.push(outcome));
      return outcomes;
    };
    return { time, queue, written, silent, run };
  }

  test("get the answer that is theirs, in their order", () => {
    const { queue, written, run } = queueing();
    const clock = run(askTime());
    const ok = run(order("advertise", Uint8Array.of(7, 0)));
    expect(written).toEqual([5]);
    expect(queue.answer({ kind: "ok" })).toBe(false);
    expect(queue.answer({ kind: "current-time", seconds: 9 })).toBe(true);
    expect(written).toEqual([5, 7]);
    expect(queue.answer({ kind: "error", code: 3 })).toBe(true);
    expect(clock).toEqual([{ result: 9 }]);
    const [outcome] = ok;
    if (!outcome || !("error" in outcome)) throw new Error("no error");
    expect(outcome.error).toBeInstanceOf(FirmwareError);
    expect(outcome.error.message).toBe("advertise: its table is full");
    expect(queue.answer({ kind: "ok" })).toBe(false);
  });

  test("do not get an answer that comes too late for the one before", () => {
    const { time, queue, written, silent, run } = queueing();
    const first = run(order("first", Uint8Array.of(7)));
    const second = run(order("second", Uint8Array.of(12)));
    time.advance(5_000);
    expect(first).toMatchObject([
      { error: { reason: "no-answer", message: "first: no answer within 5000 ms" } },
    ]);
    expect(written).toEqual([7, 22]);
    time.advance(1_200);
    expect(written.splice(2)).toEqual([22, 22]);
    queue.answer({ kind: "ok" });
    queue.answer({ kind: "error", code: 2 });
    expect(second).toEqual([]);
    queue.answer(device);
    expect(written).toEqual([7, 22, 12]);
    queue.answer({ kind: "ok" });
    expect(second).toEqual([{ result: true }]);
    time.advance(20_000);
    expect(silent).toEqual([]);
  });

  test("are silence when the question after a time-out is not answered either", () => {
    const { time, queue, silent, run } = queueing();
    const first = run(order("first", Uint8Array.of(7)));
    time.advance(10_000);
    expect(silent).toEqual(["ask for the device: no answer within 5000 ms"]);
    expect(first).toHaveLength(1);
    queue.close(new RadioError("radio-gone", "silent"));
    const late = run(askTime());
    expect(late).toEqual([]);
    time.advance(0);
    expect(late).toMatchObject([{ error: { reason: "radio-gone" } }]);
  });
});

describe("the contacts that a MeshCore radio knows", () => {
  const contactOf = (number: number, modifiedSeconds: number): Contact => ({
    publicKey: Uint8Array.from({ length: 32 }, () => number),
    ...{ type: 1, name: `node ${number}`, hops: 0, position: undefined, modifiedSeconds },
  });

  function knowing() {
    const time = new VirtualTime();
    const written: Uint8Array[] = [];
    const { log } = capturedLog();
    const queue = new CommandQueue({
      timers: time,
      write: (frame) => written.push(frame),
      resync: askDevice,
      onSilent: () => {},
    });
    const known = new Knowledge({
      timers: time,
      log,
      run: (command, done) => queue.run(command, done),
      onRestarted: () => {},
    });
    return { time, written, queue, known };
  }

  test("may take long to come, as long as they come", () => {
    const { time, queue, known } = knowing();
    let isDone = false;
    known.learnContacts(() => {
      isDone = true;
    });
    queue.answer({ kind: "contacts-start", count: 20 });
    for (let number = 0; number < 20; number++) {
      time.advance(1_000);
      expect(queue.answer({ kind: "contact", contact: contactOf(number, 100 + number) })).toBe(true);
    }
    expect(isDone).toBe(false);
    queue.answer({ kind: "end-of-contacts", modifiedSeconds: 119 });
    expect(isDone).toBe(true);
    expect(known.contacts.nodes(undefined)).toHaveLength(20);
    expect(known.contacts.modifiedSeconds).toBe(118);
  });

  test("are kept where their list broke off, and asked for again from where it began", () => {
    const { time, queue, known } = knowing();
    known.learnContacts(() => {});
    queue.answer({ kind: "contact", contact: contactOf(1, 900) });
    time.advance(5_000);
    expect(known.contacts.nodes(undefined)).toHaveLength(1);
    expect(known.contacts.modifiedSeconds).toBe(0);
  });
});

describe("when packets leave", () => {
  function departing(answers: QueueLength[]) {
    const time = new VirtualTime();
    const asked: number[] = [];
    const departures = new Departures({
      timers: time,
      ask: (done) => {
        asked.push(time.monotonicMs());
        done(answers.shift() ?? 0);
      },
    });
    return { time, departures, asked };
  }

  test("is not before their time on the air, one after the other, and when the radio's queue is empty", () => {
    const { time, departures, asked } = departing([2, "unknown", 0, 0]);
    const left: string[] = [];
    departures.expect(100, (how) => left.push(`first ${how} ${time.monotonicMs()}`));
    departures.expect(900, (how) => left.push(`second ${how} ${time.monotonicMs()}`));
    time.advance(5_000);
    expect(asked).toEqual([100, 350, 600, 1_000]);
    expect(left).toEqual(["first on-air 600", "second on-air 1000"]);
  });

  test("is given up after a minute in the radio's queue", () => {
    const { time, departures } = departing(new Array(1_000).fill(1));
    const left: string[] = [];
    departures.expect(100, (how) => left.push(how));
    time.advance(60_000);
    expect(left).toEqual([]);
    time.advance(1_000);
    expect(left).toEqual(["held"]);
  });

  test("is their time on the air alone where the radio does not tell, unless it is called off", () => {
    const { time, departures } = departing(["unsupported", "unsupported"]);
    const left: number[] = [];
    departures.expect(100, () => left.push(1));
    departures.expect(100, () => left.push(2))();
    time.advance(1_000);
    expect(left).toEqual([1]);
    departures.expect(100, () => left.push(3));
    departures.stop();
    time.advance(1_000);
    expect(left).toEqual([1]);
  });
});

describe("what a MeshCore radio tells beside", () => {
  test("is a battery's charge, by a curve that only rises", () => {
    expect([0, 3_000, 3_300, 3_780, 4_190, 4_300].map(batteryPercent)).toEqual([
      undefined,
      0,
      0,
      40,
      100,
      100,
    ]);
    for (let mV = 3_000; mV < 4_300; mV++) {
      expect(batteryPercent(mV + 1) ?? 0).toBeGreaterThanOrEqual(batteryPercent(mV) ?? 0);
    }
  });

  test("is its share of the last hour, which forgets what is older", () => {
    const use = new AirUse();
    expect([use.share, use.channelUse]).toEqual([undefined, undefined]);
    use.note({ atMs: 0, sentSeconds: 0, receivedSeconds: 0 });
    for (let minute = 1; minute <= 60; minute++) {
      use.note({ atMs: minute * 60_000, sentSeconds: minute * 6, receivedSeconds: minute * 12 });
    }
    expect(use.share).toBeCloseTo(0.1);
    expect(use.channelUse).toBeCloseTo(0.3);
    for (let minute = 61; minute <= 130; minute++) {
      use.note({ atMs: minute * 60_000, sentSeconds: 360, receivedSeconds: 720 });
    }
    expect(use.share).toBe(0);
    expect(use.channelUse).toBe(0);
  });

  test("is a signal's strength, found by type and SNR, once", () => {
    const heard = new HeardSignals();
    heard.note({ packetType: 6, snrDb: 5, rssiDbm: -80 });
    heard.note({ packetType: 6, snrDb: 5, rssiDbm: -90 });
    heard.note({ packetType: 2, snrDb: 5, rssiDbm: -70 });
    expect([heard.rssiOf(6, 5), heard.rssiOf(6, 5), heard.rssiOf(6, 5)]).toEqual([-80, -90, undefined]);
    expect(heard.rssiOf(2, undefined)).toBeUndefined();
    for (let i = 0; i < 100; i++) heard.note({ packetType: 6, snrDb: i, rssiDbm: -i });
    expect([heard.rssiOf(6, 0), heard.rssiOf(6, 99)]).toEqual([undefined, -99]);
  });
});

test("no payload grows on the air by more than the driver says", () => {
  const blocks = (bytes: number): number => Math.ceil(bytes / 16) * 16;
  for (let size = 1; size <= MAX_PAYLOAD_BYTES; size++) {
    const onAir = 6 + blocks(4 + 1 + 2 + size);
    expect(onAir - size).toBeLessThanOrEqual(MAX_OVERHEAD_BYTES);
    expect(onAir).toBeLessThanOrEqual(186);
  }
});
