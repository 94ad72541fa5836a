// A process of its own for lifecycle.test.ts: two engines meet on every transport, stop, and nothing is left to wait for.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  circuitAddress,
  SERVING,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  wsAddress,
} from "./engine-network.ts";

const made: string[] = [];
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "omb-unit-"));
  made.push(path);
  return path;
};
const network = new TestNetwork("town", folder);
const [a, b, relay] = await Promise.all([
  startEngine(network.founder),
  startEngine(network.member()),
  startEngine(network.member(), { relay: SERVING }),
]);
a.subscribe("notices/1", () => "accept");
await Promise.all([a, b].map((engine) => engine.dial(relay.peer, [tcpAddress(relay)], 5_000)));
await b.reserveRelay(relay.peer);
for (const address of [
  tcpAddress(b),
  wsAddress(b),
  circuitAddress(relay),
  `${circuitAddress(relay)}/webrtc`,
]) {
  console.log((await a.dial(b.peer, [address], 5_000)).kind);
}
await stopEngines();
for (const path of made) rmSync(path, { recursive: true, force: true });
console.log("stopped");
