import { expect, test } from "bun:test";
import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";
import type { EngineConnection } from "../../../../src/mesh/engine/engine-interface.ts";
import {
  hostOf,
  lostAddresses,
  overDeadWays,
  overLostAddresses,
  superfluous,
} from "../../../../src/mesh/network/connection-care.ts";
import type { PathStatus, PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";

const NOW_MS = 100_000;

const connection = (
  id: string,
  kind: EngineConnection["kind"],
  remote: string,
  openedMs = 0,
): EngineConnection => ({
  id,
  kind,
  remote,
  openedMs,
  peer: "12D3KooWpeer",
  direction: "inbound",
  member: {
    publicKey: new Uint8Array(32),
    role: "box",
    name: "",
    expiresAt: 0,
    grants: [],
  },
});

const path = (address: string, state: PathStatus["state"], provenAgoMs?: number): PathStatus => {
  const target: PathTarget = { by: "udp", endpoint: { address, port: 4600 } };
  return {
    id: address,
    kind: "ethernet",
    target,
    cost: 0,
    metered: false,
    state,
    chosen: false,
    loss: 0,
    sentBytes: 0,
    receivedBytes: 0,
    ...(provenAgoMs === undefined ? {} : { provenAgoMs }),
  };
};

const eachAlone = (host: string) => host;

const ids = (connections: readonly EngineConnection[]) => connections.map(({ id }) => id).sort();

test("a connection to a host whose datagrams have died is let go once they get through elsewhere", () => {
  const both = [
    connection("a", "tcp", "/ip4/10.1.0.2/tcp/4600"),
    connection("b", "tcp", "/ip4/10.2.0.2/tcp/4600"),
  ];
  expect(ids(overDeadWays(both, [path("10.1.0.2", "dead", 3_000), path("10.2.0.2", "good", 10)]))).toEqual([
    "a",
  ]);
});

test("where no datagram ever got through, or gets through nowhere, connections stay: TCP may do what UDP may not", () => {
  const one = [connection("a", "tcp", "/ip4/198.51.100.10/tcp/4600")];
  expect(overDeadWays(one, [path("198.51.100.10", "dead")])).toEqual([]);
  expect(overDeadWays(one, [path("198.51.100.10", "dead"), path("10.2.0.2", "good", 10)])).toEqual([]);
  expect(overDeadWays(one, [path("198.51.100.10", "dead", 3_000), path("10.2.0.2", "dead", 10)])).toEqual([]);
});

test("connections of no way of ours, relayed or by WebRTC, are not judged by hosts", () => {
  const others = [
    connection("a", "circuit", "/ip4/10.1.0.2/tcp/4600/p2p/12D3KooWrelay/p2p-circuit"),
    connection("b", "webrtc", "/webrtc"),
  ];
  expect(overDeadWays(others, [path("10.1.0.2", "dead", 3_000), path("10.2.0.2", "good", 10)])).toEqual([]);
});

test("relayed ones go once another has lasted, and two of them are kept until then", () => {
  const circuits = ["c", "d", "e"].map((id, index) => connection(id, "circuit", "/p2p-circuit", index));
  const webrtc = connection("w", "webrtc", "/webrtc", NOW_MS - 10_000);
  const straight = connection("s", "tcp", "/ip4/10.1.0.2/tcp/4600", NOW_MS - 10_000);
  expect(ids(superfluous(circuits, undefined, NOW_MS, eachAlone))).toEqual(["c"]);
  expect(ids(superfluous([...circuits, webrtc], undefined, NOW_MS, eachAlone))).toEqual(["c", "d", "e"]);
  expect(ids(superfluous([...circuits, webrtc, straight], undefined, NOW_MS, eachAlone))).toEqual([
    "c",
    "d",
    "e",
    "w",
  ]);
});

test("what has not lasted ten seconds neither goes nor replaces", () => {
  const circuit = connection("c", "circuit", "/p2p-circuit");
  const young = connection("s", "tcp", "/ip4/10.1.0.2/tcp/4600", NOW_MS - 9_999);
  expect(superfluous([circuit, young], undefined, NOW_MS, eachAlone)).toEqual([]);
});

test("of straight ones two by different wires are kept, one of them where datagrams go", () => {
  const all = [
    connection("old", "tcp", "/ip4/10.1.0.2/tcp/4600", 1),
    connection("new", "tcp", "/ip4/10.1.0.2/tcp/4600", 2),
    connection("ws", "ws", "/ip4/10.1.0.2/tcp/4601/ws", 3),
    connection("v6", "tcp", "/ip6/fd00::2/tcp/4600", 4),
    connection("zone", "tcp", "/ip6zone/eth0/ip6/fe80::2/tcp/4600", 5),
  ];
  expect(ids(superfluous(all, "10.1.0.2", NOW_MS, eachAlone))).toEqual(["old", "v6", "ws"]);
  const onEth0 = (host: string) => (host === "fd00::2" ? "eth1" : "eth0");
  expect(ids(superfluous(all, "10.1.0.2", NOW_MS, onEth0))).toEqual(["old", "ws", "zone"]);
  expect(ids(superfluous(all, "10.1.0.2", NOW_MS, () => "eth0"))).toEqual(["old", "v6", "ws", "zone"]);
});

test("the host of a multiaddr is named as datagrams name it, with its zone", () => {
  expect(hostOf("/ip6zone/eth0/ip6/fe80::2/tcp/4600")).toBe("fe80::2%eth0");
  expect(hostOf("/ip4/10.1.0.2/tcp/4600/ws")).toBe("10.1.0.2");
  expect(hostOf("/dns/box.example.org/tcp/4600")).toBeUndefined();
});

const link = (name: string, ...addresses: string[]): LocalInterface => ({
  ...{ name, addresses, index: 1, kind: "ethernet", up: true, metered: false, hasWayOut: true },
});

test("what an interface has no more is lost, also when it has gone; what came is not", () => {
  const before = [link("eth0", "192.168.1.5/24", "fe80::1/64"), link("eth1", "10.0.0.5/8")];
  expect(lostAddresses(before, before)).toEqual([]);
  expect(lostAddresses(before, [link("eth0", "192.168.1.6/24", "fe80::1/64")])).toEqual([
    { interface: "eth0", address: "192.168.1.5" },
    { interface: "eth1", address: "10.0.0.5" },
  ]);
});

test("what a tunnel has no more is nothing to the mesh, while a line to the internet is", () => {
  const vpn = { ...link("omq0badcafe", "10.77.0.1/24"), kind: "tunnel" } as const;
  const modem = { ...link("ppp0", "100.64.0.7/32"), kind: "tunnel", isLine: true } as const;
  expect(lostAddresses([vpn, modem], [])).toEqual([{ interface: "ppp0", address: "100.64.0.7" }]);
});

test("connections that were made from an address that is lost are left; others are not", () => {
  const all = [
    connection("near", "tcp", "/ip4/192.168.1.7/tcp/4600"),
    connection("far", "ws", "/ip4/203.0.113.7/tcp/4601/ws"),
    connection("other wire", "tcp", "/ip4/10.0.0.9/tcp/4600"),
    connection("six", "tcp", "/ip6/2001:db8::7/tcp/4600"),
    connection("link-local", "tcp", "/ip6zone/eth0/ip6/fe80::7/tcp/4600"),
    connection("relayed", "circuit", "/ip4/203.0.113.9/tcp/4600/p2p/12D3KooWrelay/p2p-circuit"),
    connection("punched", "webrtc", "/ip4/203.0.113.9/tcp/4600/p2p/12D3KooWrelay/p2p-circuit/webrtc"),
  ];
  const by = (host: string): string | undefined => (host.startsWith("10.") ? "eth1" : "eth0");
  const left = (address: string, ways = by) =>
    overLostAddresses(all, [{ interface: "eth0", address }], ways).map(({ id }) => id);
  expect(left("192.168.1.5")).toEqual(["near", "far", "punched"]);
  expect(left("fe80::1")).toEqual(["link-local"]);
  expect(left("2001:db8::1")).toEqual(["six", "punched"]);
  // While the other address has no way out yet.
  expect(left("192.168.1.5", (host) => (host.startsWith("10.") ? "eth1" : undefined))).toEqual([
    ...["near", "far", "punched"],
  ]);
  expect(overLostAddresses(all, [], by)).toEqual([]);
});
