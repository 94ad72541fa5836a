import { afterEach, expect, test } from "bun:test";
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
  wsAddress,
} from "./engine-network.ts";

const folder = scratchFolders();
const FRAMES = [Buffer.from("hello"), Buffer.alloc(65_536, 7), Buffer.alloc(0)];

afterEach(stopEngines);

test("two members connect by TCP and exchange frames both ways", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  serveEcho(b);
  const connection = await a.dial(b.peer, [tcpAddress(b)], 5_000);
  expect(connection).toMatchObject({
    peer: b.peer,
    kind: "tcp",
    direction: "outbound",
    remote: tcpAddress(b),
    member: { role: "box" },
  });
  expect(await echoed(a, b.peer, FRAMES)).toEqual(FRAMES);
  await until(() => b.connections(a.peer).length === 1);
  expect(b.connections(a.peer)[0]).toMatchObject({ peer: a.peer, kind: "tcp", direction: "inbound" });
});

test("two members connect by WebSockets and exchange frames both ways", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  serveEcho(b);
  expect((await a.dial(b.peer, [wsAddress(b)], 5_000)).kind).toBe("ws");
  expect(await echoed(a, b.peer, FRAMES)).toEqual(FRAMES);
});

test("a member reaches another through a third that relays", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b, relay] = await Promise.all([
    startEngine(network.founder),
    startEngine(network.member()),
    startEngine(network.member(), { relay: SERVING }),
  ]);
  serveEcho(b);
  await Promise.all([a, b].map((engine) => engine.dial(relay.peer, [tcpAddress(relay)], 5_000)));
  await expect(a.dial(b.peer, [circuitAddress(relay)], 5_000)).rejects.toThrow("NO_RESERVATION");
  await b.reserveRelay(relay.peer);
  const connection = await a.dial(b.peer, [circuitAddress(relay)], 5_000);
  expect(connection).toMatchObject({ peer: b.peer, kind: "circuit", relay: relay.peer });
  expect(await echoed(a, b.peer, FRAMES)).toEqual(FRAMES);
  await until(() => b.connections(a.peer).length === 1);
  expect(b.connections(a.peer)[0]).toMatchObject({
    kind: "circuit",
    relay: relay.peer,
    direction: "inbound",
  });
});

test("two members that are connected through a relay arrange WebRTC over it", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b, relay] = await Promise.all([
    startEngine(network.founder),
    startEngine(network.member()),
    startEngine(network.member(), { relay: SERVING }),
  ]);
  serveEcho(b);
  await Promise.all([a, b].map((engine) => engine.dial(relay.peer, [tcpAddress(relay)], 5_000)));
  await b.reserveRelay(relay.peer);
  const connection = await a.dial(b.peer, [`${circuitAddress(relay)}/webrtc`], 10_000);
  expect(connection).toMatchObject({ peer: b.peer, kind: "webrtc" });
  expect(await echoed(a, b.peer, FRAMES, connection.id)).toEqual(FRAMES);
});
