import { afterEach, expect, test } from "bun:test";
import type { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import type { Node } from "../../../../src/mesh/engine/libp2p-node.ts";
import { scratchFolders } from "../../scratch.ts";
import { BlackHole } from "./black-hole.ts";
import {
  echoed,
  serveEcho,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  until,
  wsAddress,
} from "./engine-network.ts";

const folder = scratchFolders();

afterEach(stopEngines);

test("the first address that answers is taken, and addresses that do not cost a quarter of a second each", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  const hole = new BlackHole();
  const black = `/ip4/127.0.0.1/tcp/${await hole.open()}`;
  const startedMs = performance.now();
  const connection = await a.dial(b.peer, [black, "/ip4/127.0.0.1/tcp/1", tcpAddress(b)], 5_000);
  expect(connection.remote).toBe(tcpAddress(b));
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  for (const address of [black, `${black}/ws`]) {
    await expect(a.dial(b.peer, [address], 300)).rejects.toThrow(/nobody answered in time/);
  }
  hole.close();
});

test("each dial makes one more connection, also two at once, and the best carries streams", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  serveEcho(b);
  const events: string[] = [];
  a.on("joined", (peer) => events.push(`joined ${peer}`));
  a.on("left", (peer) => events.push(`left ${peer}`));
  a.on("opened", ({ kind }) => events.push(`opened ${kind}`));
  a.on("closed", ({ kind }) => events.push(`closed ${kind}`));
  const [tcp, ws] = await Promise.all([
    a.dial(b.peer, [tcpAddress(b)], 5_000),
    a.dial(b.peer, [wsAddress(b)], 5_000),
  ]);
  expect(new Set(a.connections(b.peer).map(({ id }) => id))).toEqual(new Set([tcp.id, ws.id]));
  const stream = await a.open(b.peer, "/echo/1", { connectionId: ws.id });
  expect(stream.connectionId).toBe(ws.id);
  stream.abort(new Error("enough"));
  await a.close(tcp.id);
  expect(await echoed(a, b.peer, [Buffer.from("still")])).toEqual([Buffer.from("still")]);
  await a.close(ws.id);
  await a.close(ws.id);
  expect(events.filter((event) => /joined|left/.test(event))).toEqual([`joined ${b.peer}`, `left ${b.peer}`]);
  expect(events.sort().filter((event) => /ed (tcp|ws)/.test(event))).toEqual([
    "closed tcp",
    "closed ws",
    "opened tcp",
    "opened ws",
  ]);
  await expect(a.open(b.peer, "/echo/1")).rejects.toThrow(/not connected/);
});

test("who answers at an address and is somebody else is not taken for the peer", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b, c] = await Promise.all([
    startEngine(network.founder),
    startEngine(network.member()),
    startEngine(network.member()),
  ]);
  await expect(a.dial(b.peer, [tcpAddress(c)], 2_000)).rejects.toThrow();
  expect(a.connections()).toEqual([]);
});

test("addresses that are none, or may not be dialled, are named in the error", async () => {
  const network = new TestNetwork("town", folder);
  const a = await startEngine(network.founder);
  const peer = (await startEngine(network.member())).peer;
  await expect(a.dial(peer, ["nonsense"], 1_000)).rejects.toThrow(/"nonsense" is no multiaddr/);
  await expect(a.dial(peer, ["/ip4/224.0.0.1/tcp/1"], 1_000)).rejects.toThrow(/multicast/);
  await expect(a.dial(peer, ["/dns4/no-such-name.invalid/tcp/1"], 1_000)).rejects.toThrow(/no address/);
  await expect(a.dial(peer, [], 1_000)).rejects.toThrow(/no address/);
});

test("a name that nobody answers for keeps no address from being dialled, and a dial from ending in time", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([
    startEngine(network.founder, { lookup: () => new Promise(() => {}) }),
    startEngine(network.member()),
  ]);
  const startedMs = performance.now();
  const named = "/dns4/box.example.org/tcp/1";
  expect((await a.dial(b.peer, [named, tcpAddress(b)], 5_000)).remote).toBe(tcpAddress(b));
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  await expect(a.dial(b.peer, [named], 200)).rejects.toThrow(/nobody answered in time/);
});

test("a name is dialled when its addresses are found, also after all other addresses have failed", async () => {
  const network = new TestNetwork("town", folder);
  const asked: unknown[] = [];
  const b = await startEngine(network.member());
  const a = await startEngine(network.founder, {
    async lookup(...question) {
      asked.push(question);
      await Bun.sleep(400);
      return [{ address: "127.0.0.1", family: 4 }];
    },
  });
  const named = `/dns6/box.example.org/tcp/${b.ports().tcp}`;
  const connection = await a.dial(b.peer, ["/ip4/127.0.0.1/tcp/1", named], 5_000);
  expect(connection.remote).toBe(tcpAddress(b));
  expect(asked).toEqual([["box.example.org", 6]]);
});

test("while a shared key is replaced, boxes that have it and boxes that do not yet still meet", async () => {
  const network = new TestNetwork("town", folder);
  const behind = network.member();
  const [old] = behind.sharedKeys();
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(behind)]);
  network.founder.rotate();
  expect(network.founder.sharedKeys()[1]).toEqual(old);
  await a.dial(b.peer, [tcpAddress(b)], 5_000);
  await b.dial(a.peer, [tcpAddress(a)], 5_000);
  await until(() => a.connections(b.peer).length === 2);
});

test("members are told the addresses that were given to be announced, and no others", async () => {
  const network = new TestNetwork("town", folder);
  const announced = ["/ip4/203.0.113.7/tcp/4100"];
  const [a, b] = await Promise.all([
    startEngine(network.founder),
    startEngine(network.member(), { announce: () => announced }),
  ]);
  const [toldToA, toldToB] = [toldTo(a), toldTo(b)];
  await a.dial(b.peer, [tcpAddress(b)], 5_000);
  await until(() => toldToA.length > 0 && toldToB.length > 0);
  expect(toldToA).toEqual([announced]);
  expect(toldToB).toEqual([[]]);
});

/** Addresses of themselves that others have told an engine by libp2p's identify, signed and unsigned. */
function toldTo(engine: Libp2pEngine): string[][] {
  const told: string[][] = [];
  // No part of the box asks for it, so the engine does not offer it.
  const node = Reflect.get(engine, "node") as Node;
  node.libp2p.addEventListener("peer:identify", ({ detail }) => {
    const addresses = [...detail.listenAddrs, ...(detail.signedPeerRecord?.addresses ?? [])].map(String);
    told.push([...new Set(addresses)]);
  });
  return told;
}
