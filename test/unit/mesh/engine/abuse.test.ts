import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import { DEFAULT_LIMITS } from "../../../../src/mesh/engine/engine-options.ts";
import { Refusals } from "../../../../src/mesh/engine/refusals.ts";
import { scratchFolders } from "../../scratch.ts";
import {
  serveEcho,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  until,
  wsAddress,
} from "./engine-network.ts";

const folder = scratchFolders();
const ATTACKER = "127.0.0.66";

afterEach(stopEngines);

/** Connections of other addresses than the members', which send something and then wait. */
function flood(
  port: number,
  count: number,
  bytes: () => Uint8Array,
  addressOf: (index: number) => string = () => ATTACKER,
): { open(): number; close(): void } {
  const sockets: Socket[] = [];
  let open = 0;
  for (let i = 0; i < count; i += 1) {
    const socket = connect({ port, host: "127.0.0.1", localAddress: addressOf(i) });
    socket.on("connect", () => {
      open += 1;
      socket.write(bytes());
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      open -= 1;
    });
    socket.resume();
    sockets.push(socket);
  }
  return {
    open: () => open,
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function boxAndMember(): Promise<[Libp2pEngine, Libp2pEngine]> {
  const network = new TestNetwork("town", folder);
  return Promise.all([
    startEngine(network.founder, { limits: DEFAULT_LIMITS }),
    startEngine(network.member()),
  ]);
}

test("members get in by TCP and WebSockets while others throw garbage at both ports", async () => {
  const [box, member] = await boxAndMember();
  const ports = Object.values(box.ports());
  const floods = ports.map((port) => flood(port, 150, () => randomBytes(4_096)));
  await Bun.sleep(50);
  for (const address of [tcpAddress(box), wsAddress(box)]) {
    const startedMs = performance.now();
    await member.dial(box.peer, [address], 5_000);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  }
  await until(() => floods.every((one) => one.open() <= 0), 12_000);
});

test("silent connections keep nobody out, from however many addresses, and are closed before long", async () => {
  const [box, member] = await boxAndMember();
  const addressOf = (index: number): string => `127.0.${1 + Math.floor(index / 200)}.${1 + (index % 200)}`;
  const silent = flood(box.ports().tcp, 600, () => new Uint8Array(), addressOf);
  await until(() => silent.open() >= 200);
  const startedMs = performance.now();
  await member.dial(box.peer, [tcpAddress(box)], 2_000);
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  await until(() => silent.open() <= 0, 12_000);
  silent.close();
});

test("one member cannot take all connections", async () => {
  const network = new TestNetwork("town", folder);
  const limits = { ...DEFAULT_LIMITS, maxInboundPerSecond: 1_000, maxConnections: 12 };
  const [box, greedy, other] = await Promise.all([
    startEngine(network.founder, { limits }),
    startEngine(network.member()),
    startEngine(network.member()),
  ]);
  for (let i = 0; i < 14; i += 1) {
    await greedy.dial(box.peer, [tcpAddress(box)], 2_000).catch(() => undefined);
  }
  await until(() => greedy.connections(box.peer).length === 8);
  expect(box.connections(greedy.peer).length).toBe(8);
  await other.dial(box.peer, [tcpAddress(box)], 2_000);
  await until(() => box.connections(other.peer).length === 1);
});

test("a stranger's WebSocket message of 2 MB ends its connection", async () => {
  const [box] = await boxAndMember();
  const socket = new WebSocket(`ws://127.0.0.1:${box.ports().ws}/`);
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  socket.send(Buffer.alloc(2_000_000));
  await closed;
});

test("a member that opens more streams than it may has the last ones reset, and keeps the others", async () => {
  const network = new TestNetwork("town", folder);
  const [box, member] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  box.handle(
    "/few/1",
    async (stream) => {
      for await (const frame of stream.frames()) await stream.send(frame);
    },
    { maxStreams: 2, maxFrameBytes: 100 },
  );
  // Counted over all of its connections.
  const connections = [
    await member.dial(box.peer, [tcpAddress(box)], 5_000),
    await member.dial(box.peer, [wsAddress(box)], 5_000),
  ];
  const ask = async (connectionId: string) => {
    const stream = await member.open(box.peer, "/few/1", { connectionId });
    await stream.send(Buffer.from("?"));
    const answer = await stream.frames()[Symbol.asyncIterator]().next();
    return { stream, answer: Buffer.from(answer.value ?? []).toString() };
  };
  const [first = "", second = ""] = connections.map(({ id }) => id);
  const kept = [await ask(first), await ask(second)];
  expect(kept.map(({ answer }) => answer)).toEqual(["?", "?"]);
  await expect(ask(first)).rejects.toThrow();
  await expect(ask(second)).rejects.toThrow();
  await kept[0]?.stream.close();
  await Bun.sleep(50);
  expect((await ask(second)).answer).toBe("?");
});

test("a frame that is longer than its protocol takes resets the stream, and the connection stays", async () => {
  const network = new TestNetwork("town", folder);
  const [box, member] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  serveEcho(box);
  const ended = Promise.withResolvers<unknown>();
  box.handle(
    "/short/1",
    async (stream) => {
      for await (const frame of stream.frames()) ended.reject(frame);
    },
    { maxFrameBytes: 10 },
  );
  const { id } = await member.dial(box.peer, [tcpAddress(box)], 5_000);
  const stream = await member.open(box.peer, "/short/1");
  await stream.send(Buffer.alloc(11));
  const reading = (async () => {
    for await (const _ of stream.frames()) throw new Error("an answer");
  })();
  await expect(reading).rejects.toThrow(/reset/);
  await expect(stream.send(Buffer.alloc(1))).rejects.toThrow();
  expect(member.connections(box.peer).map((connection) => connection.id)).toEqual([id]);
});

test("a flood of refusals becomes few events, and the next says how many there were", () => {
  const time = new VirtualTime();
  const told: string[] = [];
  const refusals = new Refusals(time, (_, why) => told.push(why));
  for (let i = 0; i < 500; i += 1) refusals.refused("/ip4/192.0.2.1/tcp/1", "garbage");
  expect(told.length).toBe(20);
  time.advance(1_000);
  refusals.refused("/ip4/192.0.2.1/tcp/1", "garbage");
  expect(told.slice(20)).toEqual(["garbage (and 480 more)"]);
});
