import { expect, test } from "bun:test";
import { type LoraPart, MESH_PAYLOAD } from "../../../../src/lora/index.ts";
import { LoraCarrier } from "../../../../src/mesh/network/lora-carrier.ts";
import { LoraLink } from "../../../../src/mesh/network/lora-link.ts";
import { MAX_CONTROL_BYTES } from "../../../../src/mesh/paths/paths-interface.ts";

type Part = ConstructorParameters<typeof LoraLink>[0];
type Message = Parameters<LoraPart["submit"]>[0];

/** LoRa cases that keep what they are handed. */
function cases() {
  const submitted: Message[] = [];
  const listeners = new Set<(message: never) => void>();
  const state = { attached: [true], isFull: false };
  const part = {
    get links() {
      return state.attached.map((isAttached) => ({ isAttached }));
    },
    submit(message: Message) {
      submitted.push(message);
      return state.isFull ? { accepted: false, detail: "the queue is full" } : { accepted: true };
    },
    on: (_event: string, listener: (message: never) => void) => void listeners.add(listener),
    off: (_event: string, listener: (message: never) => void) => void listeners.delete(listener),
  };
  const hear = (payload: Uint8Array, from = 0x00a1b2) => {
    // The part hands over more than this; the link takes these two.
    for (const listener of listeners) listener({ payload, from } as never);
  };
  // Of the part the link uses these four alone, and of a link whether its case is there.
  return { link: new LoraLink(part as unknown as Part, 7), submitted, listeners, state, hear };
}

test("a datagram goes as a LoRa message that is marked as the mesh's, and comes out of one", () => {
  const { link, submitted, hear, listeners } = cases();
  const heard: [number, number[]][] = [];
  const end = link.onDatagram((from, datagram) => void heard.push([from, [...datagram]]));
  new LoraCarrier(link).send({ by: "lora", address: 0x00a1b2 }, Uint8Array.of(1, 2, 3));
  expect(submitted).toMatchObject([
    { payload: Uint8Array.of(MESH_PAYLOAD, 1, 2, 3), to: 0x00a1b2, priority: "direct" },
  ]);
  hear(Uint8Array.of(MESH_PAYLOAD, 9, 8));
  // Texts and what is nothing are others' business.
  hear(Buffer.from("Water at the school"));
  hear(new Uint8Array(0));
  expect(heard).toEqual([[0x00a1b2, [9, 8]]]);
  end();
  expect(listeners.size).toBe(0);
});

test("a way by LoRa takes a whole control message while a case is there, and nothing while none is", () => {
  const { link, state } = cases();
  const carrier = new LoraCarrier(link);
  state.attached = [false, true];
  expect([link.isUsable(), carrier.maxBytes()]).toEqual([true, 1_100]);
  expect(carrier.maxBytes()).toBeGreaterThan(MAX_CONTROL_BYTES);
  state.attached = [false];
  expect([link.isUsable(), carrier.maxBytes()]).toEqual([false, 0]);
  state.attached = [];
  expect([link.isUsable(), carrier.maxBytes()]).toEqual([false, 0]);
});

test("what the case does not take on, and what is not for LoRa, is told at once", () => {
  const { link, state, submitted } = cases();
  const carrier = new LoraCarrier(link);
  state.isFull = true;
  expect(() => carrier.send({ by: "lora", address: 5 }, Uint8Array.of(1))).toThrow("LoRa: the queue is full");
  expect(() => carrier.send({ by: "relay", relay: "x" }, Uint8Array.of(1))).toThrow("relay: not by LoRa");
  expect(submitted).toHaveLength(1);
});
