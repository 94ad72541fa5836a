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
