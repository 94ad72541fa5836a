import { expect, test } from "bun:test";
import type { MessageStream } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import fc from "fast-check";
import { frameHeader } from "../../../../src/mesh/engine/frame-code.ts";
import { decodeFields, encodeFields, ProtobufError } from "../../../../src/mesh/engine/protobuf-fields.ts";
import {
  allowedSignal,
  filterSignals,
  SignallingError,
  SignallingRoom,
} from "../../../../src/mesh/engine/webrtc-signalling.ts";

const OFFER = 0;
const CANDIDATE = 2;

const message = (type: number, data: string): Uint8Array =>
  encodeFields([
    [1, type],
    [2, Buffer.from(data)],
  ]);

const textOf = (encoded: Uint8Array | undefined): string | undefined => {
  const data = encoded && decodeFields(encoded).get(2);
  return data instanceof Uint8Array ? Buffer.from(data).toString() : undefined;
};

const line = (ip: string): string => `candidate:1 1 UDP 2122317823 ${ip} 4711 typ host`;
const candidate = (ip: string): string => JSON.stringify({ candidate: line(ip), sdpMid: "0" });

const GOOD = ["192.0.2.7", "10.1.2.3", "2001:db8::7", "fe80::7"];
const BAD = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "224.0.0.251", "ff02::1"];
const NAMES = ["localhost", "3f2a.local", "box.example.org"];

test("candidates that mean this machine, nobody, many or a name are not taken in, and others are as they came", () => {
  for (const ip of GOOD)
    expect(textOf(allowedSignal(message(CANDIDATE, candidate(ip)), false))).toBe(candidate(ip));
  for (const ip of [...BAD, ...NAMES])
    expect(allowedSignal(message(CANDIDATE, candidate(ip)), false)).toBeUndefined();
  expect(textOf(allowedSignal(message(CANDIDATE, candidate("127.0.0.1")), true))).toBe(
    candidate("127.0.0.1"),
  );
  expect(allowedSignal(message(CANDIDATE, candidate("224.0.0.1")), true)).toBeUndefined();
});

test("a candidate that hides another line, or is none, is not taken in", () => {
  const two = JSON.stringify({ candidate: `${line("192.0.2.7")}\r\na=${line("127.0.0.1")}` });
  for (const json of [two, "{}", "7", '{"candidate":"nonsense"}', '{"candidate":7}'])
    expect(allowedSignal(message(CANDIDATE, json), false)).toBeUndefined();
  for (const end of ["null", '""']) expect(textOf(allowedSignal(message(CANDIDATE, end), false))).toBe(end);
});

test("an offer loses such candidates and keeps all else", () => {
  const head = ["v=0", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=end-of-candidates", ""];
  const sdp = (ips: readonly string[]): string =>
    [...head.slice(0, 3), ...ips.map((ip) => `a=${line(ip)}`), ...head.slice(3)].join("\r\n");
  const allowed = allowedSignal(message(OFFER, sdp([...GOOD, ...BAD, ...NAMES])), false);
  expect(textOf(allowed)).toBe(sdp(GOOD));
  const hidden = `v=0\r\n a=${line("127.0.0.1")}\r\nA=${line("127.0.0.1").toUpperCase()}\ra=${line("::1")}`;
  expect(textOf(allowedSignal(message(OFFER, hidden), false))).toBe("v=0");
});

test("whatever bytes come, they are a message or one of two errors", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        allowedSignal(bytes, false);
      } catch (error) {
        expect(error instanceof SignallingError || error instanceof ProtobufError).toBe(true);
      }
    }),
  );
});

test("of a stream in pieces what is allowed comes through, and nonsense resets it", async () => {
  const [sender, stream] = multiaddrConnectionPair();
  filterSignals(stream, false);
  const got = collect(stream);
  const frames = [message(OFFER, "v=0"), message(CANDIDATE, candidate("::1")), message(CANDIDATE, "null")];
  const framed = frames.map((frame) => Buffer.concat([frameHeader(frame.length), frame]));
  const bytes = Buffer.concat(framed);
  for (let at = 0; at < bytes.length; at += 9) sender.send(bytes.subarray(at, at + 9));
  const wanted = Buffer.concat([framed[0] ?? Buffer.alloc(0), framed[2] ?? Buffer.alloc(0)]);
  await until(() => got().length >= wanted.length);
  expect(got()).toEqual(wanted);
  expect(stream.status).toBe("open");
  sender.send(Buffer.alloc(4, 0xff));
  await until(() => stream.status === "aborted");
});

test("a peer arranges four connections at a time, and another has its own", () => {
  const room = new SignallingRoom();
  const streams = Array.from({ length: 6 }, () => multiaddrConnectionPair()[1]);
  const take = (peer: string, index: number) => {
    const stream = streams[index];
    return stream !== undefined && room.take(peer, stream as never);
  };
  expect([0, 1, 2, 3].map((index) => take("a", index))).toEqual([true, true, true, true]);
  expect([take("a", 4), streams[4]?.status]).toEqual([false, "aborted"]);
  expect(take("b", 5)).toBe(true);
  streams[0]?.abort(new Error("over"));
  const next = multiaddrConnectionPair()[1];
  expect(room.take("a", next as never)).toBe(true);
});

function collect(stream: MessageStream): () => Buffer {
  const got: Buffer[] = [];
  stream.addEventListener("message", ({ data }) => got.push(Buffer.from(data.subarray())));
  return () => Buffer.concat(got);
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !holds(); i += 1) await Bun.sleep(1);
  expect(holds()).toBe(true);
}
