import { expect, test } from "bun:test";
import type { StreamMuxerFactory } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { type YamuxMuxerInit, yamux } from "@libp2p/yamux";
import { mendedYamux } from "../../../../src/mesh/engine/mended-yamux.ts";
import { until } from "./engine-network.ts";

const HEADER_BYTES = 12;
const WINDOW_UPDATE = 1;
const WINDOW_BYTES = 262_144;

/** Sends `count` messages over a stream, one after the other. @returns the window updates that came back, and the bytes that arrived */
async function updatesFor(
  factory: (init: YamuxMuxerInit) => () => StreamMuxerFactory,
  count: number,
  bytes: number,
) {
  const [outbound, inbound] = multiaddrConnectionPair();
  const options = { enableKeepAlive: false };
  const [sender, receiver] = [outbound, inbound].map((end) => factory(options)().createStreamMuxer(end));
  if (!sender || !receiver) throw new Error("no muxers");
  let arrived = 0;
  receiver.addEventListener("stream", ({ detail: stream }) =>
    stream.addEventListener("message", ({ data }) => {
      arrived += data.byteLength;
    }),
  );
  let updates = 0;
  outbound.addEventListener("message", ({ data }) => {
    for (let at = 0; at + HEADER_BYTES <= data.byteLength; at += HEADER_BYTES)
      if (data.subarray(at, at + HEADER_BYTES)[1] === WINDOW_UPDATE) updates += 1;
  });
  const stream = await sender.createStream();
  for (let sent = 0; sent < count; sent += 1) {
    if (!stream.send(new Uint8Array(bytes)))
      await new Promise((go) => stream.addEventListener("drain", go, { once: true }));
    await Bun.sleep(0);
  }
  await until(() => arrived === count * bytes);
  sender.abort(new Error("over"));
  receiver.abort(new Error("over"));
  return { updates, arrived };
}

test("a stream's window is told of when half of it is used, and not for each small message", async () => {
  // The first one confirms the stream.
  expect((await updatesFor(mendedYamux, 100, 100)).updates).toBe(1);
  // When this fails, the library has been mended, and this half of the shim can go.
  expect((await updatesFor(yamux, 100, 100)).updates).toBeGreaterThan(90);
});

test("a stream goes on for many times its window", async () => {
  const { updates, arrived } = await updatesFor(mendedYamux, 256, 16_384);
  expect(arrived).toBe(16 * WINDOW_BYTES);
  expect(updates).toBeLessThan(40);
});
