import { expect, test } from "bun:test";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { forbiddenAddress } from "../../../../src/mesh/engine/address-rules.ts";
import { CheckedMembers } from "../../../../src/mesh/engine/checked-members.ts";
import { createGater } from "../../../../src/mesh/engine/gater.ts";
import { InboundPool } from "../../../../src/mesh/engine/inbound-pool.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";

const KEY = Buffer.alloc(32, 3);
const PEER = peerIdFromString(peerIdOf(KEY));
const CHAIN = new Uint8Array();
const MEMBER = { publicKey: KEY, role: "box", name: "", grants: [], expiresAt: 0 } as const;

function gater() {
  const time = new VirtualTime();
  const out = new Set<string>();
  const refused: string[] = [];
  const check = () => {
    throw new Error("no longer");
  };
  const isStillMember = (key: Uint8Array) => !out.has(Buffer.from(key).toString("hex"));
  const members = new CheckedMembers({ check, isStillMember }, () => false);
  const pool = new InboundPool({ maxPendingOfAddress: 4, maxPending: 30 });
  const connections = { count: 0 };
  return {
    time,
    out,
    pool,
    connections,
    refused,
    members,
    gater: createGater({
      members,
      loopbackOnly: false,
      pool,
      connectionCount: () => connections.count,
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
  members.remember(PEER.toString(), MEMBER, CHAIN);
  expect(await g.denyInboundUpgradedConnection?.(PEER, connection)).toBe(false);
  expect(g.denyOutboundUpgradedConnection?.(PEER, connection)).toBe(false);
  out.add(KEY.toString("hex"));
  expect(await g.denyInboundUpgradedConnection?.(PEER, connection)).toBe(true);
});

test("a WebRTC connection that does not come about within three seconds is not taken for one", async () => {
  const { gater: g, members, time } = gater();
  members.remember(PEER.toString(), MEMBER, CHAIN);
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

test("a peer that has eight connections brings no more", async () => {
  const { gater: g, members, connections, refused } = gater();
  members.remember(PEER.toString(), MEMBER, CHAIN);
  const asked = () => g.denyInboundUpgradedConnection?.(PEER, connectionFrom("/ip4/192.0.2.1/tcp/1"));
  connections.count = 7;
  expect(await asked()).toBe(false);
  connections.count = 8;
  expect(await asked()).toBe(true);
  expect(refused).toEqual([`${PEER} has 8 connections already`]);
});

test("WebRTC, which shows no key, counts as one that has", () => {
  const { gater: g, refused } = gater();
  const asked = () => g.denyInboundConnection?.(connectionFrom(`/webrtc/p2p/${PEER}`));
  for (let i = 0; i < 4; i += 1) expect(asked()).toBe(false);
  expect(asked()).toBe(true);
  expect(refused).toEqual(["too many connections at once from its address"]);
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
