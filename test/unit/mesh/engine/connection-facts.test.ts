import { expect, test } from "bun:test";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { connectionFacts } from "../../../../src/mesh/engine/connection-facts.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";

const [PEER, RELAY, OTHER] = [1, 2, 3].map((number) => peerIdOf(Buffer.alloc(32, number)));
const MEMBER = { publicKey: Buffer.alloc(32, 1), role: "box", name: "", grants: [], expiresAt: 0 } as const;

function factsOf(address: string) {
  const connection = {
    id: "1",
    remotePeer: peerIdFromString(PEER ?? ""),
    remoteAddr: multiaddr(address),
    direction: "inbound",
  } as Parameters<typeof connectionFacts>[0];
  const { kind, relay, remote } = connectionFacts(connection, MEMBER, 0);
  return { kind, relay, remote };
}

test.each([
  [`/ip4/192.0.2.1/tcp/1/p2p/${PEER}`, "tcp", undefined],
  [`/ip4/192.0.2.1/tcp/1/ws/p2p/${PEER}`, "ws", undefined],
  [`/webrtc/p2p/${PEER}`, "webrtc", undefined],
  [`/ip4/192.0.2.1/tcp/1/p2p/${RELAY}/p2p-circuit/webrtc/p2p/${PEER}`, "webrtc", undefined],
  [`/ip4/192.0.2.1/tcp/1/ws/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`, "circuit", RELAY],
  [`/webrtc/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`, "circuit", RELAY],
  [
    `/ip4/192.0.2.1/tcp/1/p2p/${OTHER}/p2p-circuit/webrtc/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`,
    "circuit",
    RELAY,
  ],
])("%s is known for what it is, whatever leads to its relay", (address, kind, relay) => {
  const facts = factsOf(address);
  expect([facts.kind, facts.relay]).toEqual([kind, relay]);
  expect(facts.remote).toBe(address.slice(0, -`/p2p/${PEER}`.length));
});
