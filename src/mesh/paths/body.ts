import type { Endpoint } from "./endpoint.ts";
import { addressBytes, addressText } from "./endpoint-code.ts";

/** How urgent a control message is, in the order in which they go. */
export const URGENCIES = ["sos", "control", "message"] as const;
export type Urgency = (typeof URGENCIES)[number];

/** First bytes of the SHA-256 of a peer id: how a forwarder is told of others, short enough for every datagram. */
export const SHORT_ID_BYTES = 8;
export const MAX_CHANNEL_CHARS = 16;
/** A message is cut into so many parts at most, for ways with small datagrams. */
export const MAX_PARTS = 16;
export const MAX_ACKED = 32;

/** A message's name: its sender's epoch, drawn whenever it meets a peer anew, and its number in it. */
export interface MessageId {
  epoch: number;
  number: number;
}

/**
 * What a sealed datagram holds, numbers big-endian. No times: the sender of a proof keeps by itself when that was, and an
 * answer is given at once, so that nobody can make a way look better than it is by what it says of the time.
 *
 * - proof: 1 · path 2 · sequence 4
 * - answer: 2 · path 2 · sequence 4 · port 2 and address 4 or 16, where known
 * - control: 3 · epoch 4 · number 4 · urgency 2 bits, part 6 bits · count of parts 1 · length 1 · channel · body
 * - ack: 4 · epoch 4, then for each message its number 4
 * - unserved: 10 · epoch 4 · number 4
 * - forward: 5 · to 8 · a sealed datagram
 * - forwarded: 6 · from 8 · a sealed datagram
 * - goodbye: 7
 * - train: 8 · train 2 · index 1 · count 1 · padding
 * - arrival: 9 · train 2 · how many came 1 · bytes of those behind the first 4 · microseconds from first to last 4
 */
export type Body =
  | { kind: "proof"; path: number; sequence: number }
  | {
      kind: "answer";
      /** Of the proof, as it came. */
      path: number;
      sequence: number;
      /** Where the proof came from, behind whatever NAT. */
      observed?: Endpoint;
    }
  | {
      kind: "control";
      id: MessageId;
      urgency: Urgency;
      /** 0 ≤ part < count ≤ {@link MAX_PARTS}. */
      part: number;
      count: number;
      channel: string;
      body: Uint8Array;
    }
  /** 1 to {@link MAX_ACKED} messages of one epoch that are whole. */
  | { kind: "ack"; epoch: number; numbers: readonly number[] }
  /** The message came, and nobody here takes messages of its channel yet: the way is fine, the message waits. */
  | { kind: "unserved"; id: MessageId }
  | { kind: "forward"; to: Uint8Array; datagram: Uint8Array }
  | { kind: "forwarded"; from: Uint8Array; datagram: Uint8Array }
  | { kind: "goodbye" }
  /** One of several sent at once, as large as the path takes: how far they are apart on arrival tells the bottleneck. */
  | { kind: "train"; train: number; index: number; count: number; padding: number }
  | { kind: "arrival"; train: number; came: number; bytes: number; spreadUs: number };

const KIND = {
  proof: 1,
  answer: 2,
  control: 3,
  ack: 4,
  forward: 5,
  forwarded: 6,
  goodbye: 7,
  train: 8,
  arrival: 9,
  unserved: 10,
} as const;
const MAX_U32 = 0xffff_ffff;
/** What is before a control message's body, its channel left out. */
export const CONTROL_OVERHEAD = 12;
export const FORWARD_OVERHEAD = 1 + SHORT_ID_BYTES;
export const TRAIN_OVERHEAD = 5;

/** @throws RangeError for what the form cannot hold; the callers keep to it */
export function encodeBody(body: Body): Uint8Array {
  switch (body.kind) {
    case "proof":
      return numbers([KIND.proof, 1], [body.path, 2], [body.sequence, 4]);
    case "answer":
      return encodeAnswer(body);
    case "control":
      return encodeControl(body);
    case "ack":
      if (body.numbers.length === 0 || body.numbers.length > MAX_ACKED) throw new RangeError("numbers");
      return numbers([KIND.ack, 1], [body.epoch, 4], ...body.numbers.map((number): Field => [number, 4]));
    case "unserved":
      return numbers([KIND.unserved, 1], [body.id.epoch, 4], [body.id.number, 4]);
    case "forward":
      return joined(Uint8Array.of(KIND.forward), body.to, body.datagram);
    case "forwarded":
      return joined(Uint8Array.of(KIND.forwarded), body.from, body.datagram);
    case "goodbye":
      return Uint8Array.of(KIND.goodbye);
    case "train":
      return joined(
        numbers([KIND.train, 1], [body.train, 2], [body.index, 1], [body.count, 1]),
        new Uint8Array(body.padding),
      );
    case "arrival":
      return numbers(
        [KIND.arrival, 1],
        [body.train, 2],
        [body.came, 1],
        [body.bytes, 4],
        [Math.min(body.spreadUs, MAX_U32), 4],
      );
  }
}

function encodeAnswer({ path, sequence, observed }: Body & { kind: "answer" }): Uint8Array {
  const head = numbers([KIND.answer, 1], [path, 2], [sequence, 4]);
  const address = observed && addressBytes(observed.address);
  return address && observed ? joined(head, numbers([observed.port, 2]), address) : head;
}

function encodeControl({ id, urgency, part, count, channel, body }: Body & { kind: "control" }): Uint8Array {
  if (channel.length > MAX_CHANNEL_CHARS) throw new RangeError(`channel: ${channel.length} characters`);
  if (count > MAX_PARTS || part >= count) throw new RangeError(`part: ${part} of ${count}`);
  const head = numbers(
    [KIND.control, 1],
    [id.epoch, 4],
    [id.number, 4],
    [(URGENCIES.indexOf(urgency) << 6) | part, 1],
    [count, 1],
    [channel.length, 1],
  );
  return joined(head, new TextEncoder().encode(channel), body);
}

/** @returns undefined for anything that is not exactly of one of the forms above */
export function decodeBody(bytes: Uint8Array): Body | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  switch (bytes[0]) {
    case KIND.proof:
      return length === 7
        ? { kind: "proof", path: view.getUint16(1), sequence: view.getUint32(3) }
        : undefined;
    case KIND.answer:
      return decodeAnswer(bytes, view);
    case KIND.control:
      return decodeControl(bytes, view);
    case KIND.ack:
      return decodeAck(view);
    case KIND.unserved:
      return length === 9
        ? { kind: "unserved", id: { epoch: view.getUint32(1), number: view.getUint32(5) } }
        : undefined;
    case KIND.forward:
      return length > FORWARD_OVERHEAD
        ? { kind: "forward", to: bytes.slice(1, 9), datagram: bytes.subarray(9) }
        : undefined;
    case KIND.forwarded:
      return length > FORWARD_OVERHEAD
        ? { kind: "forwarded", from: bytes.slice(1, 9), datagram: bytes.subarray(9) }
        : undefined;
    case KIND.goodbye:
      return length === 1 ? { kind: "goodbye" } : undefined;
    case KIND.train:
      return decodeTrain(bytes, view);
    case KIND.arrival:
      return length === 12
        ? {
            kind: "arrival",
            train: view.getUint16(1),
            came: view.getUint8(3),
            bytes: view.getUint32(4),
            spreadUs: view.getUint32(8),
          }
        : undefined;
    default:
      return undefined;
  }
}

function decodeAnswer(bytes: Uint8Array, view: DataView): Body | undefined {
  const { length } = bytes;
  if (length !== 7 && length !== 13 && length !== 25) return undefined;
  const answer = {
    kind: "answer",
    path: view.getUint16(1),
    sequence: view.getUint32(3),
  } as const;
  if (length === 7) return answer;
  return { ...answer, observed: { port: view.getUint16(7), address: addressText(bytes.subarray(9)) } };
}

function decodeControl(bytes: Uint8Array, view: DataView): Body | undefined {
  if (bytes.length < CONTROL_OVERHEAD) return undefined;
  const urgency = URGENCIES[view.getUint8(9) >> 6];
  const part = view.getUint8(9) & 0x3f;
  const count = view.getUint8(10);
  const end = CONTROL_OVERHEAD + view.getUint8(11);
  if (!urgency || count > MAX_PARTS || part >= count) return undefined;
  if (end > CONTROL_OVERHEAD + MAX_CHANNEL_CHARS || end > bytes.length) return undefined;
  const name = bytes.subarray(CONTROL_OVERHEAD, end);
  if (!name.every(isPrintable)) return undefined;
  const id = { epoch: view.getUint32(1), number: view.getUint32(5) };
  return {
    kind: "control",
    id,
    urgency,
    part,
    count,
    channel: String.fromCharCode(...name),
    body: bytes.slice(end),
  };
}

function decodeAck(view: DataView): Body | undefined {
  const count = (view.byteLength - 5) / 4;
  if (!Number.isInteger(count) || count < 1 || count > MAX_ACKED) return undefined;
  return {
    kind: "ack",
    epoch: view.getUint32(1),
    numbers: Array.from({ length: count }, (_, i) => view.getUint32(5 + 4 * i)),
  };
}

function decodeTrain(bytes: Uint8Array, view: DataView): Body | undefined {
  if (bytes.length < TRAIN_OVERHEAD) return undefined;
  const [index, count] = [view.getUint8(3), view.getUint8(4)];
  if (index >= count) return undefined;
  return { kind: "train", train: view.getUint16(1), index, count, padding: bytes.length - TRAIN_OVERHEAD };
}

/** ASCII without controls. */
const isPrintable = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;
export const isChannel = (channel: string): boolean =>
  channel.length > 0 &&
  channel.length <= MAX_CHANNEL_CHARS &&
  [...channel].every((one) => isPrintable(one.charCodeAt(0)));

type Field = [value: number, bytes: 1 | 2 | 4];

function numbers(...fields: Field[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value);
    else view.setUint32(at, value);
    at += size;
  }
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
