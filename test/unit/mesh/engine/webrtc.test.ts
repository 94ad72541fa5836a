import { afterEach, expect, test } from "bun:test";
import { scratchFolders } from "../../scratch.ts";
import {
  circuitAddress,
  SERVING,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
} from "./engine-network.ts";

const folder = scratchFolders();

afterEach(stopEngines);

test("WebRTC comes about every time, also where its addresses are faster than its answer", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b, relay] = await Promise.all([
    startEngine(network.founder),
    startEngine(network.member()),
    startEngine(network.member(), { relay: SERVING }),
  ]);
  await Promise.all([a, b].map((engine) => engine.dial(relay.peer, [tcpAddress(relay)], 5_000)));
  await b.reserveRelay(relay.peer);
  for (let i = 0; i < 30; i += 1) {
    const connection = await a.dial(b.peer, [`${circuitAddress(relay)}/webrtc`], 3_000);
    expect(connection.kind).toBe("webrtc");
    await a.close(connection.id);
  }
}, 60_000);
