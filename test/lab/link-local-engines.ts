// A process of its own for mesh-engine.test.ts: two engines on one host meet at a link-local address, and the second
// tells how it sees the first.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import {
  echoed,
  serveEcho,
  startEngine,
  stopEngines,
  TestNetwork,
} from "../unit/mesh/engine/engine-network.ts";

const [, , folder = "", host = "", zone = ""] = process.argv;
const network = new TestNetwork("town", () => mkdtempSync(join(folder, "box-")));
const listen = { hosts: ["::", "0.0.0.0"], tcpPort: 0, wsPort: 0 };
const [a, b] = await Promise.all([
  startEngine(network.founder, { listen }),
  startEngine(network.member(), { listen }),
]);
serveEcho(b);
const address = `/ip6zone/${zone}/ip6/${host}/tcp/${b.ports().tcp}`;
const connection = await a.dial(b.peer, [address], 5_000);
const [back] = await echoed(a, b.peer, [Buffer.from("over the link")]);
const seen = b.connections(a.peer).map(({ remote }) => remote.split("/").slice(0, 4).join("/"));
console.log(
  JSON.stringify({
    kind: connection.kind,
    isAsDialled: connection.remote === address,
    back: String(back),
    seen,
  }),
);
const loopback = await a
  .dial(b.peer, [`/ip4/127.0.0.1/tcp/${b.ports().tcp}`], 1_000)
  .catch((error) => String(error));
console.log(JSON.stringify({ loopback }));
await stopEngines();
