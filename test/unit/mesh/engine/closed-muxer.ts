// A process of its own for mended-yamux.test.ts: opens a stream over a connection that closes in the same instant, and says how that ended.

import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { mendedYamux } from "../../../../src/mesh/engine/mended-yamux.ts";

const [, , which = ""] = process.argv;
const [outbound] = multiaddrConnectionPair();
const factory = (which === "plain" ? yamux() : mendedYamux())();
const muxer = factory.createStreamMuxer(outbound);
const opening = muxer.createStream();
// Its writing end, as when the other side has gone: sending throws from here on.
void outbound.close();
try {
  const stream = await opening;
  await Bun.sleep(0);
  console.log(stream.status);
} catch {
  console.log("refused");
}
await Bun.sleep(100);
console.log("survived");
