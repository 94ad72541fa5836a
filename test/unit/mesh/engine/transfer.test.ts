import { afterEach, expect, test } from "bun:test";
import { scratchFolders } from "../../scratch.ts";
import {
  circuitAddress,
  SERVING,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  wsAddress,
} from "./engine-network.ts";

const folder = scratchFolders();
const MIB = 1_048_576;
/** Frames between two collections: what waits to be collected is not kept. */
const GC_EVERY = 32;

afterEach(stopEngines);

/** Sends `mib` over a stream in frames of a MiB. @returns how many bytes came, and by how many MiB memory grew at most */
async function transfer(
  ends: readonly [Awaited<ReturnType<typeof startEngine>>, Awaited<ReturnType<typeof startEngine>>],
  connectionId: string,
  mib: number,
): Promise<{ received: number; grewMib: number }> {
  const [from, to] = ends;
  const sample = Buffer.alloc(MIB, 0x5a);
  let received = 0;
  let peak = 0;
  const done = Promise.withResolvers<void>();
  to.handle("/sink/1", async (stream) => {
    for await (const frame of stream.frames()) {
      if (!sample.equals(frame)) throw new Error("not what was sent");
      received += frame.length;
      if ((received / MIB) % GC_EVERY === 0) Bun.gc(true);
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    done.resolve();
  });
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  const stream = await from.open(to.peer, "/sink/1", { connectionId });
  for (let sent = 0; sent < mib; sent += 1) await stream.send(sample);
  await stream.close();
  await done.promise;
  return { received, grewMib: (peak - before) / MIB };
}

test("600 MB go over one stream by TCP without being kept", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  const { id } = await a.dial(b.peer, [tcpAddress(b)], 5_000);
  const { received, grewMib } = await transfer([a, b], id, 600);
  expect(received).toBe(600 * MIB);
  // Garbage of a few dozen frames on both sides counts too.
  expect(grewMib).toBeLessThan(300);
}, 60_000);

test("50 MB go over one stream by WebSockets", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  const { id } = await a.dial(b.peer, [wsAddress(b)], 5_000);
  expect((await transfer([a, b], id, 50)).received).toBe(50 * MIB);
  const back = b.connections(a.peer)[0];
  expect((await transfer([b, a], back?.id ?? "", 50)).received).toBe(50 * MIB);
}, 60_000);

test("50 MB go over one stream by a circuit, and by WebRTC", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b, relay] = await Promise.all([
    startEngine(network.founder),
    startEngine(network.member()),
    startEngine(network.member(), { relay: SERVING }),
  ]);
  await Promise.all([a, b].map((engine) => engine.dial(relay.peer, [tcpAddress(relay)], 5_000)));
  await b.reserveRelay(relay.peer);
  const circuit = await a.dial(b.peer, [circuitAddress(relay)], 5_000);
  expect((await transfer([a, b], circuit.id, 50)).received).toBe(50 * MIB);
  const webrtc = await a.dial(b.peer, [`${circuitAddress(relay)}/webrtc`], 10_000);
  const back = b.connections(a.peer).find(({ kind }) => kind === "webrtc");
  expect(webrtc.kind).toBe("webrtc");
  expect((await transfer([b, a], back?.id ?? "", 50)).received).toBe(50 * MIB);
}, 60_000);

test("a sender waits for a reader that does not read, and nothing is lost", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  await a.dial(b.peer, [tcpAddress(b)], 5_000);
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
    for (; sent < 64; sent += 1) await stream.send(Buffer.alloc(MIB));
    await stream.close();
  })();
  await Bun.sleep(500);
  // What windows and buffers hold on both sides is less than ten of them.
  expect(sent).toBeLessThan(10);
  go.resolve();
  await sending;
  expect(await done.promise).toBe(64 * MIB);
});
