import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Link, type LinkMessage } from "../../../../src/lora/link/index.ts";
import type { Fate } from "../../../../src/lora/radio.ts";
import { HandCarrier } from "./hand-carrier.ts";

const HOUR_MS = 3_600_000;

/** A link whose carrier does what the test says. */
function link() {
  const time = new VirtualTime();
  let number = 0;
  const made = new Link({ address: 1, timers: time, random: () => 0.5, nextNumber: () => number++ });
  const submit = (message: Partial<LinkMessage> & Pick<LinkMessage, "payload">) => {
    const told: Fate[] = [];
    const full: LinkMessage = { priority: "room", to: 2, lifetimeMs: HOUR_MS, ...message };
    const admission = made.submit(full, (fate) => told.push(fate));
    return { told, admission };
  };
  return { time, link: made, submit };
}

describe("a link whose carrier fails frames", () => {
  test.each(["radio-gone", "queue-full", "refused", "no-acknowledgement"] as const)(
    "sends a frame again that failed with %s while the radio stays",
    (reason) => {
      const { time, link: sender, submit } = link();
      const carrier = new HandCarrier();
      sender.attach(carrier);
      const { told } = submit({ payload: new Uint8Array(20) });
      const failed = carrier.fail(reason);
      expect(failed).toMatchObject({ kind: "data", message: 0 });
      expect(carrier.waiting).toEqual([]);
      time.advance(60_000);
      expect(carrier.leave()).toEqual(failed);
      carrier.hear({ kind: "report", source: 2, destination: 1, holdings: [{ message: 0, isWhole: true }] });
      time.advance(0);
      expect(told.map(({ state }) => state)).toEqual(["queued", "on-air", "acknowledged"]);
    },
  );

  test("lets the messages after it go as well, when a radio has lost all that it had", () => {
    const { time, link: sender, submit } = link();
    const carrier = new HandCarrier();
    sender.attach(carrier);
    submit({ payload: new Uint8Array(900) });
    while (carrier.fail("radio-gone"));
    submit({ payload: new Uint8Array(20), to: 3 });
    time.advance(60_000);
    const sent = new Set<number>();
    for (let frame = carrier.leave(); frame; frame = carrier.leave()) {
      if (frame.kind === "data" && frame.destination) sent.add(frame.destination);
      time.advance(60_000);
    }
    expect(sent).toEqual(new Set([2, 3]));
  });

  test("sends a message to everyone again that failed with radio-gone while the radio stays", () => {
    const { time, link: sender, submit } = link();
    const carrier = new HandCarrier();
    sender.attach(carrier);
    const { told } = submit({ payload: new Uint8Array(20), to: "everyone" });
    const failed = carrier.fail("radio-gone");
    time.advance(60_000);
    expect(carrier.leave()).toEqual(failed);
    time.advance(0);
    expect(told.map(({ state }) => state)).toEqual(["queued", "on-air"]);
  });
});

describe("a message that is too large for the case that comes", () => {
  test.each([
    ["one box", 2],
    ["everyone", "everyone"],
  ] as const)("to %s is ended, and the others go", (_, to) => {
    const { time, link: sender, submit } = link();
    const large = Array.from({ length: 4 }, (_, index) =>
      submit({ payload: new Uint8Array(60_000), to: to === "everyone" ? to : 2 + index, priority: "direct" }),
    );
    const small = submit({ payload: new Uint8Array(20), to });
    const others = [7, 8].map((other) => submit({ payload: new Uint8Array(20), to: other }));
    expect(large.every(({ admission }) => admission.accepted)).toBe(true);
    const carrier = new HandCarrier(50);
    sender.attach(carrier);
    for (let frame = carrier.leave(); frame; frame = carrier.leave()) time.advance(60_000);
    for (const { told } of large) {
      expect(told.at(-1)).toEqual({
        state: "failed",
        reason: "too-large",
        detail: "60000 bytes, more than frames of 50 bytes can carry (9941)",
      });
    }
    for (const { told } of [small, ...others]) expect(told.at(-1)).toEqual({ state: "on-air" });
  });

  test("is ended too where frames have no room for a piece at all", () => {
    const { time, link: sender, submit } = link();
    const told = [2, "everyone" as const].map((to) => submit({ payload: new Uint8Array(20), to }).told);
    sender.attach(new HandCarrier(11));
    time.advance(0);
    for (const fates of told) expect(fates.at(-1)).toMatchObject({ reason: "too-large" });
    expect(sender.waiting).toBe(0);
  });

  test("does not disturb the admission of another", () => {
    const { time, link: sender, submit } = link();
    const { told } = submit({ payload: new Uint8Array(60_000), to: "everyone", priority: "background" });
    const sizes = { maxFrameBytes: 255 };
    const carrier = new HandCarrier();
    Object.defineProperty(carrier, "maxFrameBytes", { get: () => sizes.maxFrameBytes });
    sender.attach(carrier);
    // The case was set to another modulation.
    sizes.maxFrameBytes = 50;
    expect(submit({ payload: new Uint8Array(20), priority: "background" }).admission.accepted).toBe(true);
    time.advance(0);
    expect(told.at(-1)).toMatchObject({ reason: "too-large" });
  });
});

describe("a link that is closed", () => {
  test("tells each message's last fate, leaves nothing with the carrier and takes nothing more on", () => {
    const { time, link: closed, submit } = link();
    const carrier = new HandCarrier();
    closed.attach(carrier);
    const sent = submit({ payload: new Uint8Array(900), to: "everyone" });
    while (carrier.leave());
    const ended = [
      submit({ payload: new Uint8Array(900), to: "everyone" }),
      ...[2, 2, 3].map((to) => submit({ payload: new Uint8Array(900), to })),
    ];
    closed.close();
    closed.close();
    time.advance(0);
    for (const { told } of ended)
      expect(told).toEqual([
        { state: "queued" },
        { state: "failed", reason: "cancelled", detail: "the box is stopping" },
      ]);
    expect(sent.told.at(-1)).toEqual({ state: "on-air" });
    expect(carrier.waiting).toEqual([]);
    expect([closed.waiting, closed.isAttached]).toEqual([0, false]);
    closed.attach(carrier);
    expect(submit({ payload: new Uint8Array(1) }).admission).toEqual({
      accepted: false,
      reason: "refused",
      detail: "the box is stopping",
    });
    time.advance(24 * HOUR_MS);
    expect(carrier.waiting).toEqual([]);
  });
});
