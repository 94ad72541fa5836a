import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Link, type LinkMessage } from "../../../../src/lora/link/index.ts";
import type { Fate } from "../../../../src/lora/radio.ts";
import { HandCarrier } from "./hand-carrier.ts";

const HOUR_MS = 3_600_000;

function link(maxFrameBytes = 255) {
  const time = new VirtualTime();
  let number = 0;
  const made = new Link({ address: 1, timers: time, random: () => 0.5, nextNumber: () => number++ });
  const carrier = new HandCarrier(maxFrameBytes);
  made.attach(carrier);
  const submit = (message: Partial<LinkMessage> & Pick<LinkMessage, "payload">) => {
    const told: Fate[] = [];
    const full: LinkMessage = { priority: "room", to: "everyone", lifetimeMs: 24 * HOUR_MS, ...message };
    const admission = made.submit(full, (fate) => told.push(fate));
    return { told, admission };
  };
  return { time, link: made, carrier, submit };
}

/** Lets all frames leave that are there or come at once. @returns message and piece of each */
function drain(carrier: HandCarrier): [message: number, index: number][] {
  const left: [number, number][] = [];
  for (let frame = carrier.leave(); frame; frame = carrier.leave()) {
    if (frame.kind === "data") left.push([frame.message, frame.index]);
  }
  return left;
}

describe("messages to everyone", () => {
  test("go on while others have been sent and are only kept for who lacks a piece", () => {
    const { time, carrier, submit } = link();
    const all = Array.from({ length: 40 }, () => submit({ payload: new Uint8Array(900) }));
    expect(new Set(drain(carrier).map(([message]) => message)).size).toBe(40);
    time.advance(0);
    for (const { told } of all) expect(told.at(-1)).toEqual({ state: "on-air" });
  });

  test("go on while others wait for their next time", () => {
    const { carrier, submit } = link();
    for (let sos = 0; sos < 16; sos += 1) submit({ payload: new Uint8Array(20), priority: "sos" });
    submit({ payload: new Uint8Array(20) });
    expect(drain(carrier).map(([message]) => message)).toEqual(
      Array.from({ length: 17 }, (_, index) => index),
    );
  });

  test("are handed to the carrier a few pieces at a time, and all of them in the end", () => {
    const { carrier, submit } = link();
    submit({ payload: new Uint8Array(20_000) });
    expect(carrier.waiting.length).toBe(16);
    const left = drain(carrier).map(([, index]) => index);
    expect(left).toEqual(Array.from({ length: Math.ceil(20_004 / 244) }, (_, index) => index));
  });

  test("send a piece again that was displaced while others of it went on", () => {
    const { time, carrier, submit } = link();
    const { told } = submit({ payload: new Uint8Array(1_200) });
    expect(carrier.fail("queue-full")).toMatchObject({ index: 0 });
    expect(drain(carrier).map(([, index]) => index)).toEqual([1, 2, 3, 4]);
    time.advance(60_000);
    expect(told).toEqual([{ state: "queued" }]);
    expect(drain(carrier).map(([, index]) => index)).toEqual([0]);
    time.advance(0);
    expect(told.at(-1)).toEqual({ state: "on-air" });
  });

  test("go on by another radio where they were, or from the start when its frames are smaller", () => {
    for (const [size, pieces] of [
      [255, 3],
      [100, Math.ceil(1_204 / 89)],
    ] as const) {
      const { time, link: sender, carrier, submit } = link();
      const { told } = submit({ payload: new Uint8Array(1_200) });
      carrier.leave();
      carrier.leave();
      sender.detach();
      const other = new HandCarrier(size);
      sender.attach(other);
      expect(drain(other).length).toBe(pieces);
      time.advance(0);
      expect(told.at(-1)).toEqual({ state: "on-air" });
    }
  });

  test("go on when the radio's frames become smaller while others are taken on", () => {
    const { time, carrier, submit } = link();
    submit({ payload: new Uint8Array(1_200), priority: "sos" });
    Object.defineProperty(carrier, "maxFrameBytes", { value: 100 });
    submit({ payload: new Uint8Array(20), to: 2 });
    time.advance(0);
    const pieces = drain(carrier).flatMap(([message, index]) => (message === 0 ? [index] : []));
    expect(pieces).toEqual(Array.from({ length: Math.ceil(1_204 / 89) }, (_, index) => index));
  });

  test("are at their end ten minutes after they were sent, even if the radio went in between", () => {
    const { time, link: sender, carrier, submit } = link();
    submit({ payload: new Uint8Array(900) });
    drain(carrier);
    sender.detach();
    sender.attach(new HandCarrier());
    time.advance(599_000);
    expect(sender.waiting).toBe(1);
    time.advance(2_000);
    expect(sender.waiting).toBe(0);
  });

  test("have no fate after they were sent", () => {
    const { time, link: sender, carrier, submit } = link();
    const { told, admission } = submit({ payload: new Uint8Array(900) });
    drain(carrier);
    if (admission.accepted) admission.cancel();
    time.advance(1_000);
    expect(told.map(({ state }) => state)).toEqual(["queued", "on-air"]);
    expect(sender.waiting).toBe(0);
  });
});
