// One box's mesh, as in mesh-box-process.ts, that writes down everything it gets to read as a member: what comes over
// streams once it is decrypted, what datagrams say once they are opened, and what announcements on the link say.
import { appendFileSync, mkdirSync } from "node:fs";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { Network } from "../../src/mesh/network/network.ts";
import { Session } from "../../src/mesh/paths/session.ts";

const [folder = ""] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const write = (bytes: Uint8Array | string) => appendFileSync(`${folder}/heard.bin`, bytes);

// Every byte of every connection, behind the private network and noise: identify, gossip, records, statements.
const [pair] = multiaddrConnectionPair();
const muxer = Object.getPrototypeOf(yamux()().createStreamMuxer(pair)) as {
  onData(data: { subarray(): Uint8Array }): void;
};
const onData = muxer.onData;
muxer.onData = function (data) {
  write(data.subarray());
  onData.call(this, data);
};

const open = Session.prototype.open;
Session.prototype.open = function (datagram, nowMs) {
  const body = open.call(this, datagram, nowMs);
  if (typeof body !== "string") write(body);
  return body;
};

const sighted = Network.prototype.sighted;
Network.prototype.sighted = function (sighting) {
  write(JSON.stringify(sighting));
  sighted.call(this, sighting);
};

await import("./mesh-box-process.ts");
