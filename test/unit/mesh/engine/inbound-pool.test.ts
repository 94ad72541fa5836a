import { expect, test } from "bun:test";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { InboundPool } from "../../../../src/mesh/engine/inbound-pool.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";

const connectionFrom = (address: string) =>
  multiaddrConnectionPair({ inbound: { remoteAddr: multiaddr(address) } })[1];

function pool() {
  const inbound = new InboundPool({ maxPendingOfAddress: 4, maxPending: 30 });
  const arrive = (address: string) => {
    const connection = connectionFrom(address);
    inbound.arrived(connection);
    return connection;
  };
  return { inbound, arrive, show: (address: string) => inbound.proven(arrive(address)) };
}

test("one address has four connections in the handshakes at most, a /64 counting as one, and others have theirs", () => {
  for (const [mine, others] of [
    ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"],
    ["/ip6/2001:db8:0:1::1/tcp/1", "/ip6/2001:db8:0:2::1/tcp/1"],
  ] as const) {
    const { inbound, arrive, show } = pool();
    const pending = Array.from({ length: 4 }, () => arrive(mine));
    for (const connection of pending) expect(inbound.proven(connection)).toBeUndefined();
    expect(show(mine.replace("::1/", "::abcd/"))).toMatch(/from its address/);
    expect(show(others)).toBeUndefined();
    pending[0]?.abort(new Error("gone"));
    expect(show(mine)).toBeUndefined();
  }
});

test("all together have as many as were given, counted only once they have shown the key", () => {
  const { arrive, show } = pool();
  for (let i = 0; i < 200; i += 1) arrive(`/ip4/198.51.100.${i}/tcp/1`);
  for (let i = 0; i < 30; i += 1) expect(show(`/ip4/192.0.2.${i}/tcp/1`)).toBeUndefined();
  expect(show("/ip4/192.0.2.77/tcp/1")).toBe("too many connections at once");
});

test("when 256 wait without the key, the oldest of the address with the most goes for a newcomer", () => {
  const { arrive } = pool();
  const first = arrive("/ip4/192.0.2.1/tcp/1");
  const many = Array.from({ length: 255 }, () => arrive("/ip6/2001:db8::1/tcp/1"));
  expect(many.map(({ status }) => status)).not.toContain("aborted");
  const newcomers = Array.from({ length: 20 }, (_, i) => arrive(`/ip4/198.51.100.${i}/tcp/1`));
  expect([first, ...newcomers].map(({ status }) => status)).toEqual(Array.from({ length: 21 }, () => "open"));
  expect(many.filter(({ status }) => status === "open")).toEqual(many.slice(20));
});

test("one that has shown the key gives way to nobody", () => {
  const { inbound, arrive } = pool();
  const shown = arrive("/ip4/192.0.2.1/tcp/1");
  inbound.proven(shown);
  for (let i = 0; i < 600; i += 1) arrive(`/ip4/198.51.${i % 100}.${i % 200}/tcp/1`);
  expect(shown.status).toBe("open");
});

test("neighbours on a link count as one that has room for sixteen, each link by itself", () => {
  const { show } = pool();
  for (let i = 1; i <= 16; i += 1) expect(show(`/ip6zone/eth0/ip6/fe80::${i}/tcp/1`)).toBeUndefined();
  expect(show("/ip6zone/eth0/ip6/fe80::aa/tcp/1")).toMatch(/from its address/);
  expect(show("/ip6zone/wlan0/ip6/fe80::aa/tcp/1")).toBeUndefined();
});

test("members whose circuits come by one relay do not count as one", () => {
  const { show } = pool();
  const by = (peer: number) =>
    `/ip4/192.0.2.1/tcp/1/p2p/${peerIdOf(Buffer.alloc(32, 9))}/p2p-circuit/p2p/${peerIdOf(Buffer.alloc(32, peer))}`;
  for (let peer = 10; peer < 20; peer += 1) expect(show(by(peer))).toBeUndefined();
  for (let more = 0; more < 3; more += 1) expect(show(by(10))).toBeUndefined();
  expect(show(by(10))).toMatch(/from its address/);
});
