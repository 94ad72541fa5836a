import { expect, test } from "bun:test";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { forbiddenAddress } from "../../../../src/mesh/engine/address-rules.ts";
import { CheckedMembers } from "../../../../src/mesh/engine/checked-members.ts";
import { createGater } from "../../../../src/mesh/engine/gater.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";

const KEY = Buffer.alloc(32, 3);
const PEER = peerIdFromString(peerIdOf(KEY));
const MEMBER = { publicKey: KEY, role: "box", name: "", grants: [], expiresAt: 0 } as const;

function gater() {
  const time = new VirtualTime();
  const out = new Set<string>();
  const refused: string[] = [];
  const members = new CheckedMembers({ isStillMember: (key) => !out.has(Buffer.from(key).toString("hex")) });
  return {
    time,
    out,
    refused,
    members,
    gater: createGater({
      members,
      loopbackOnly: false,
      maxPendingOfAddress: 4,
      timers: time,
      isOwnRelay: (relay) => relay === "own",
      refused: (_, why) => refused.push(why),
    }),
  };
}

const connectionFrom = (address: string) =>
  multiaddrConnectionPair({ inbound: { remoteAddr: multiaddr(address) } })[1];

test("a connection that has shown no certificates passes only for a peer whose were checked and still hold", async () => {
  const { gater: g, members, out, refused } = gater();
  const connection = connectionFrom("/webrtc");
  expect(await g.denyInboundUpgradedConnection?.(PEER, connection)).toBe(true);
  expect(g.denyOutboundUpgradedConnection?.(PEER, connection)).toBe(true);
  expect(refused).toHaveLength(2);
  members.remember(PEER.toString(), MEMBER);
  expect(await g.denyInboundUpgradedConnection?.(PEER, connection)).toBe(false);
  expect(g.denyOutboundUpgradedConnection?.(PEER, connection)).toBe(false);
  out.add(KEY.toString("hex"));
  expect(await g.denyInboundUpgradedConnection?.(PEER, connection)).toBe(true);
});

test("a WebRTC connection that does not come about within three seconds is not taken for one", async () => {
  const { gater: g, members, time } = gater();
  members.remember(PEER.toString(), MEMBER);
  const asked = (peerConnection: { connectionState: string }) =>
    Promise.resolve(
      g.denyInboundUpgradedConnection?.(PEER, Object.assign(connectionFrom("/webrtc"), { peerConnection })),
    );
  expect(await asked({ connectionState: "connected" })).toBe(false);
  expect(await asked({ connectionState: "failed" })).toBe(true);
  const late = { connectionState: "connecting" };
  const never = { connectionState: "connecting" };
  const answers = [asked(late), asked(never)];
  time.advance(1_000);
  late.connectionState = "connected";
  time.advance(3_000);
  expect(await Promise.all(answers)).toEqual([false, true]);
});

test("one address has four connections in the handshakes at most, a /64 counting as one, and others have theirs", async () => {
  const { gater: g } = gater();
  for (const [mine, others] of [
    ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"],
    ["/ip6/2001:db8:0:1::1/tcp/1", "/ip6/2001:db8:0:2::1/tcp/1"],
  ] as const) {
    const pending = Array.from({ length: 4 }, () => connectionFrom(mine));
    for (const connection of pending) expect(g.denyInboundConnection?.(connection)).toBe(false);
    expect(g.denyInboundConnection?.(connectionFrom(mine.replace("::1/", "::abcd/")))).toBe(true);
    expect(g.denyInboundConnection?.(connectionFrom(others))).toBe(false);
    pending[0]?.abort(new Error("gone"));
    expect(g.denyInboundConnection?.(connectionFrom(mine))).toBe(false);
  }
});

test("neighbours on a link do not count as one, though their addresses share a /64", () => {
  const { gater: g } = gater();
  for (let i = 1; i <= 12; i += 1) {
    expect(g.denyInboundConnection?.(connectionFrom(`/ip6zone/eth0/ip6/fe80::${i}/tcp/1`))).toBe(false);
  }
});

test("members whose circuits come by one relay do not count as one", () => {
  const { gater: g } = gater();
  const by = (peer: number) =>
    `/ip4/192.0.2.1/tcp/1/p2p/${peerIdOf(Buffer.alloc(32, 9))}/p2p-circuit/p2p/${peerIdOf(Buffer.alloc(32, peer))}`;
  for (let peer = 10; peer < 20; peer += 1)
    expect(g.denyInboundConnection?.(connectionFrom(by(peer)))).toBe(false);
  for (let more = 0; more < 3; more += 1)
    expect(g.denyInboundConnection?.(connectionFrom(by(10)))).toBe(false);
  expect(g.denyInboundConnection?.(connectionFrom(by(10)))).toBe(true);
});

test("circuits are taken from relays that were asked, and none other", () => {
  const { gater: g } = gater();
  const relay = (name: string) => Object.assign(Object.create(PEER), { toString: () => name });
  expect(g.denyInboundRelayedConnection?.(relay("own"), PEER)).toBe(false);
  expect(g.denyInboundRelayedConnection?.(relay("other"), PEER)).toBe(true);
});

test("addresses that mean this machine, nobody or many are not dialled", () => {
  const why = (address: string, loopbackToo = false) => forbiddenAddress(multiaddr(address), loopbackToo);
  expect(why("/ip4/192.0.2.1/tcp/1")).toBeUndefined();
  expect(why("/ip4/10.1.2.3/tcp/1/ws")).toBeUndefined();
  expect(why("/ip6zone/eth0/ip6/fe80::1/tcp/1")).toBeUndefined();
  expect(why("/ip6/2001:db8::1/tcp/1")).toBeUndefined();
  for (const ip of ["127.0.0.1", "127.8.9.10"]) expect(why(`/ip4/${ip}/tcp/1`)).toBe("loopback");
  for (const ip of ["::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
    expect(why(`/ip6/${ip}/tcp/1`)).toBe("loopback");
  expect(why("/ip4/0.0.0.0/tcp/1")).toBe("unspecified");
  expect(why("/ip4/0.1.2.3/tcp/1")).toBe("unspecified");
  expect(why("/ip6/::/tcp/1")).toBe("unspecified");
  for (const ip of ["224.0.0.251", "239.1.1.1", "255.255.255.255"])
    expect(why(`/ip4/${ip}/tcp/1`)).toBe("multicast");
  for (const ip of ["ff02::1", "ff0e::1"]) expect(why(`/ip6/${ip}/tcp/1`)).toBe("multicast");
  expect(why(`/ip4/127.0.0.1/tcp/1/p2p/${PEER}/p2p-circuit`)).toBe("loopback");
  expect(why("/dns4/localhost/tcp/1")).toBe("a name");
  expect(why("/ip4/127.0.0.1/tcp/1", true)).toBeUndefined();
  expect(why("/ip4/224.0.0.1/tcp/1", true)).toBe("multicast");
});
