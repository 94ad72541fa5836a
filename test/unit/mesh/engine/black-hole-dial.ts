// A process of its own for tcp-dial.test.ts: dials a port that never answers by libp2p's TCP, and says how that ended.

import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { survivingTcp } from "../../../../src/mesh/engine/tcp-dial.ts";

const [, , address = "", which = ""] = process.argv;
const node = await createLibp2p({ transports: [which === "plain" ? tcp() : survivingTcp()] });
try {
  await node.dial(multiaddr(address), { signal: AbortSignal.timeout(300) });
  console.log("connected");
} catch {
  console.log("failed");
}
// Time for what is raised later.
await Bun.sleep(300);
await node.stop();
console.log("survived");
