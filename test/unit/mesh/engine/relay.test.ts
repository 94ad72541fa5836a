import { afterEach, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { ByteRate } from "../../../../src/mesh/engine/byte-rate.ts";
import type { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import type { RelayOptions } from "../../../../src/mesh/engine/engine-options.ts";
import { scratchFolders } from "../../scratch.ts";
import {
  circuitAddress,
  echoed,
  SERVING,
  serveEcho,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  until,
} from "./engine-network.ts";

const folder = scratchFolders();

afterEach(stopEngines);

/** A relay, and members that are connected to it. */
async function around(
  members: number,
  relay: Partial<RelayOptions>,
): Promise<[Libp2pEngine, Libp2pEngine[]]> {
  const network = new TestNetwork("town", folder);
  const middle = await startEngine(network.founder, { relay: { ...SERVING, ...relay } });
  const others = await Promise.all(Array.from({ length: members }, () => startEngine(network.member())));
  await Promise.all(others.map((engine) => engine.dial(middle.peer, [tcpAddress(middle)], 5_000)));
  return [middle, others];
}

test("a circuit is held to its rate by telling the sender to wait, and every byte arrives", async () => {
  const [relay, [a, b]] = await around(2, { maxCircuitKbit: 8_000 });
  if (a === undefined || b === undefined) throw new Error("too few");
  await b.reserveRelay(relay.peer);
  await a.dial(b.peer, [circuitAddress(relay)], 5_000);
  const done = Promise.withResolvers<number>();
  b.handle("/sink/1", async (stream) => {
    let received = 0;
    for await (const frame of stream.frames()) received += frame.length;
    done.resolve(received);
  });
  const stream = await a.open(b.peer, "/sink/1");
  const startedMs = performance.now();
  // 2 MB at 1 MB a second, of which a quarter of a second may go at once.
  for (let i = 0; i < 32; i += 1) await stream.send(Buffer.alloc(62_500));
  await stream.close();
  expect(await done.promise).toBe(2_000_000);
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeGreaterThan(1_600);
  expect(tookMs).toBeLessThan(4_000);
});

test("all circuits together are held to the relay's rate", async () => {
  const [relay, [a, b, c, d]] = await around(4, { maxTotalKbit: 8_000 });
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error("too few");
  const startedMs = performance.now();
  const received = [b, d].map((engine) => {
    const done = Promise.withResolvers<number>();
    engine.handle("/sink/1", async (stream) => {
      let bytes = 0;
      for await (const frame of stream.frames()) bytes += frame.length;
      done.resolve(bytes);
    });
    return done.promise;
  });
  await Promise.all(
    (
      [
        [a, b],
        [c, d],
      ] as const
    ).map(async ([from, to]) => {
      await to.reserveRelay(relay.peer);
      await from.dial(to.peer, [circuitAddress(relay)], 5_000);
      const stream = await from.open(to.peer, "/sink/1");
      for (let i = 0; i < 16; i += 1) await stream.send(Buffer.alloc(62_500));
      await stream.close();
    }),
  );
  expect(await Promise.all(received)).toEqual([1_000_000, 1_000_000]);
  expect(performance.now() - startedMs).toBeGreaterThan(1_600);
});

test("a relay keeps little of what a fast sender sends for a receiver that does not read", async () => {
  const [relay, [a, b]] = await around(2, {});
  if (a === undefined || b === undefined) throw new Error("too few");
  await b.reserveRelay(relay.peer);
  await a.dial(b.peer, [circuitAddress(relay)], 5_000);
  const go = Promise.withResolvers<void>();
  const done = Promise.withResolvers<number>();
  b.handle("/slow/1", async (stream) => {
    await go.promise;
    let received = 0;
    for await (const frame of stream.frames()) received += frame.length;
    done.resolve(received);
  });
  const stream = await a.open(b.peer, "/slow/1");
  let sent = 0;
  const sending = (async () => {
    for (; sent < 64; sent += 1) await stream.send(Buffer.alloc(1_048_576));
    await stream.close();
  })();
  await Bun.sleep(700);
  expect(sent).toBeLessThan(16);
  go.resolve();
  await sending;
  expect(await done.promise).toBe(64 * 1_048_576);
});

test("one reservation too many is refused, and its place is free once a member has gone", async () => {
  const [relay, [a, b]] = await around(2, { maxReservations: 1 });
  if (a === undefined || b === undefined) throw new Error("too few");
  await a.reserveRelay(relay.peer);
  await expect(b.reserveRelay(relay.peer)).rejects.toThrow(/status 200/);
  for (const { id } of a.connections(relay.peer)) await a.close(id);
  await until(() => relay.connections(a.peer).length === 0);
  await b.reserveRelay(relay.peer);
});

test("a box that does not relay refuses, and one that is not connected cannot be asked", async () => {
  const [relay, [a, b]] = await around(2, { serve: false });
  if (a === undefined || b === undefined) throw new Error("too few");
  await expect(a.reserveRelay(relay.peer)).rejects.toThrow();
  await expect(a.reserveRelay(b.peer)).rejects.toThrow(/not connected to the relay/);
});

test("after a reservation was called off no circuit comes in any more", async () => {
  const [relay, [a, b]] = await around(2, {});
  if (a === undefined || b === undefined) throw new Error("too few");
  const callOff = await b.reserveRelay(relay.peer);
  const again = await b.reserveRelay(relay.peer);
  await callOff();
  await callOff();
  await a.dial(b.peer, [circuitAddress(relay)], 5_000);
  await again();
  await expect(a.dial(b.peer, [circuitAddress(relay)], 5_000)).rejects.toThrow(/CONNECTION_FAILED/);
});

test("a reservation comes back with the connection to the relay", async () => {
  const [relay, [a, b]] = await around(2, {});
  if (a === undefined || b === undefined) throw new Error("too few");
  serveEcho(b);
  await b.reserveRelay(relay.peer);
  for (const { id } of b.connections(relay.peer)) await b.close(id);
  await until(() => relay.connections(b.peer).length === 0);
  await expect(a.dial(b.peer, [circuitAddress(relay)], 5_000)).rejects.toThrow(/NO_RESERVATION/);
  await b.dial(relay.peer, [tcpAddress(relay)], 5_000);
  let connected = false;
  await until(() => {
    if (!connected) {
      connected = true;
      a.dial(b.peer, [circuitAddress(relay)], 5_000).catch(() => {
        connected = false;
      });
    }
    return a.connections(b.peer).length > 0;
  });
  expect(await echoed(a, b.peer, [Buffer.from("back")])).toEqual([Buffer.from("back")]);
});

test("a rate lets a quarter of a second through at once, and the rest in order", () => {
  const time = new VirtualTime();
  const rate = new ByteRate(8_000, time);
  expect(rate.take(250_000)).toBe(0);
  expect(rate.take(1_000)).toBe(1);
  expect(rate.take(1_000)).toBe(2);
  time.advance(60_000);
  expect(rate.take(250_000)).toBe(0);
  expect(new ByteRate(0, time).take(1e12)).toBe(0);
});
