import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { FarStream } from "../../../../src/gateway/far-services/far-network.ts";
import {
  decodeServiceFrame,
  encodeServiceFrame,
} from "../../../../src/gateway/far-services/service-frames.ts";
import { pump, WINDOW_BYTES } from "../../../../src/gateway/far-services/service-pump.ts";
import { FakeEngines } from "../../mesh/fake-engine.ts";
import { connectionPair, readAll } from "./tcp-pairs.ts";

const IDLE_MS = 60_000;
const BODY = new Uint8Array(3_000_000).map((_, index) => (index * 7919) >> 5);
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A guest, and a service, with two boxes between. */
async function joined() {
  const time = new VirtualTime();
  const [near, far] = await streamPair();
  const [guest, nearEnd] = await connectionPair();
  const [service, farEnd] = await connectionPair();
  const options = { timers: time, idleMs: IDLE_MS };
  const ends = Promise.allSettled([pump(nearEnd, near, options), pump(farEnd, far, options)]);
  return { time, guest, service, near, far, nearEnd, ends };
}

async function streamPair(): Promise<[FarStream, FarStream]> {
  const engines = new FakeEngines();
  const [a, b] = [engines.engine("a"), engines.engine("b")];
  engines.connect(a, b);
  const far = Promise.withResolvers<FarStream>();
  b.handle("/test", async (stream) => {
    far.resolve(stream);
    await new Promise(() => {});
  });
  return [await a.open("b", "/test"), await far.promise];
}

describe("a connection and a stream that are joined", () => {
  test("carry everything both ways, each until its own end", async () => {
    const { guest, service, ends } = await joined();
    const asked = readAll(service);
    guest.end(BODY);
    expect(digest(await asked)).toBe(digest(BODY));
    // The guest has closed its side, and still hears.
    const answered = readAll(guest);
    service.end(BODY);
    expect(digest(await answered)).toBe(digest(BODY));
    expect((await ends).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
  });

  test("carry the one direction while the other stands still", async () => {
    const { guest, service, near, ends } = await joined();
    // Nobody reads at the guest's end; what it sends comes through all the same.
    guest.pause();
    service.write(BODY);
    const asked = readAll(service);
    guest.end(BODY);
    expect(digest(await asked)).toBe(digest(BODY));
    near.abort(new Error("enough"));
    await ends;
  });

  test("end together when the stream is broken off", async () => {
    const { guest, service, near, ends } = await joined();
    const heard = Promise.allSettled([guest, service].map(readAll));
    near.abort(new Error("the way died"));
    expect((await heard).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("end together when the connection is broken off", async () => {
    const { guest, service, ends } = await joined();
    const heard = Promise.allSettled([readAll(service)]);
    guest.resetAndDestroy();
    expect((await heard).map(({ status }) => status)).toEqual(["rejected"]);
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("end when nothing passes for too long, and not while something does", async () => {
    const { time, guest, service, ends } = await joined();
    let isOver = false;
    void ends.then(() => {
      isOver = true;
    });
    const heard = () => new Promise((resolve) => service.once("data", resolve));
    for (let turn = 0; turn < 3; turn += 1) {
      await time.advanceAsync(IDLE_MS - 1);
      const next = heard();
      guest.write("still here");
      await next;
    }
    expect(isOver).toBe(false);
    await time.advanceAsync(2 * IDLE_MS);
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

describe("one end of a service's stream", () => {
  /** A pump whose other end the test plays. */
  async function alone() {
    const [near, far] = await streamPair();
    const [guest, nearEnd] = await connectionPair();
    const end = pump(nearEnd, near, { timers: new VirtualTime(), idleMs: IDLE_MS });
    end.catch(() => {});
    return { guest, far, end };
  }

  test("sends no more than the other has room for, and goes on when that has taken it", async () => {
    const { guest, far } = await alone();
    guest.write(new Uint8Array(3 * WINDOW_BYTES));
    const frames = far.frames()[Symbol.asyncIterator]();
    let bytes = 0;
    const next = async () => {
      const { value } = await frames.next();
      const frame = decodeServiceFrame(value ?? new Uint8Array());
      if (frame.kind === "data") bytes += frame.bytes.length;
    };
    while (bytes < WINDOW_BYTES) await next();
    expect(bytes).toBe(WINDOW_BYTES);
    const more = next();
    await far.send(encodeServiceFrame({ kind: "taken", bytes: 100 }));
    await more;
    expect(bytes).toBe(WINDOW_BYTES + 100);
    far.abort(new Error("enough"));
  });

  test("breaks off with one that sends more than there is room for", async () => {
    const { guest, far, end } = await alone();
    guest.pause();
    const data = encodeServiceFrame({ kind: "data", bytes: new Uint8Array(16_384) });
    const flood = async () => {
      for (let sent = 0; sent < 64 * WINDOW_BYTES; sent += 16_384) await far.send(data);
    };
    await flood().catch(() => {});
    expect(end).rejects.toThrow("more than there is room for");
    await end.catch(() => {});
  });

  test.each([
    ["taken that was never sent", encodeServiceFrame({ kind: "taken", bytes: 1 })],
    ["a second question", encodeServiceFrame({ kind: "ask", port: 80 })],
    ["garbage", Uint8Array.of(9, 9, 9)],
  ])("breaks off with one that sends %s", async (_, frame) => {
    const { far, end } = await alone();
    await far.send(frame);
    expect(end).rejects.toThrow("service frame");
    await end.catch(() => {});
  });
});
