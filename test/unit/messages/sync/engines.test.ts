import { afterEach, expect, test } from "bun:test";
import pino from "pino";
import { systemTimers } from "../../../../src/host/timers.ts";
import type { Membership } from "../../../../src/identity/index.ts";
import { MeshSync } from "../../../../src/messages/sync/mesh-sync.ts";
import {
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  until as untilOf,
} from "../../mesh/engine/engine-network.ts";
import { scratchFolders } from "../../scratch.ts";
import { MemoryCustody, someBundle } from "./memory-custody.ts";

const folder = scratchFolders();
const running: MeshSync[] = [];
/** On a machine that is busy with other tests too. */
const until = (holds: () => boolean) => untilOf(holds, 60_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((sync) => sync.stop()));
  await stopEngines();
});

/** A box with a real engine on loopback. */
async function box(membership: Membership) {
  const engine = await startEngine(membership);
  const custody = new MemoryCustody(systemTimers);
  const handedOver: string[] = [];
  const sync = new MeshSync({
    engine,
    custody,
    isMetered: () => false,
    handedOver: (id) => void handedOver.push(id),
    timers: systemTimers,
    random: Math.random,
    log: pino({ level: "silent" }),
  });
  sync.start();
  running.push(sync);
  return { engine, custody, handedOver };
}

test("bundles go both ways between two libp2p nodes, the call for help through the middle of them", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([box(network.founder), box(network.member())]);
  const ofA = Array.from({ length: 1_000 }, () => a.custody.put(someBundle("post", { bodyBytes: 300 })));
  for (let photo = 0; photo < 40; photo += 1)
    ofA.push(a.custody.put(someBundle("photo", { bodyBytes: 55_000 })));
  const ofB = Array.from({ length: 500 }, () => b.custody.put(someBundle("check-in")));
  const { id } = await a.engine.dial(b.engine.peer, [tcpAddress(b.engine)], 5_000);
  await until(() => b.custody.held.size > 600);
  const sos = a.custody.put(someBundle("sos"));
  await until(() => b.custody.held.has(sos));
  expect(b.custody.held.size).toBeLessThan(1_500);
  await until(() => b.custody.held.size === 1_541 && a.custody.held.size === 1_541);
  await until(() => a.handedOver.length === 1_041 && b.handedOver.length === 500);
  expect(a.custody.ids()).toEqual(b.custody.ids());
  expect(a.handedOver.sort()).toEqual([...ofA, sos].sort());
  expect(b.handedOver.sort()).toEqual(ofB.sort());

  // The connection is lost, and there is another.
  await a.engine.close(id);
  await until(() => b.engine.connections().length === 0);
  const later = b.custody.put(someBundle("direct"));
  await b.engine.dial(a.engine.peer, [tcpAddress(a.engine)], 5_000);
  await until(() => a.custody.held.has(later));
  expect(a.custody.offered.length).toBe(501);
}, 120_000);

test("whoever says what is no greeting has the stream reset", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([box(network.founder), startEngine(network.member())]);
  a.custody.put(someBundle("post"));
  await b.dial(a.engine.peer, [tcpAddress(a.engine)], 5_000);
  const stream = await b.open(a.engine.peer, "/omerta/bundles/1");
  const speak = async () => {
    await stream.send(Buffer.from("garbage"));
    for await (const frame of stream.frames()) if (frame.length === 0) return "an empty frame";
    return "an end";
  };
  expect(await speak().catch(() => "reset")).toBe("reset");
});
