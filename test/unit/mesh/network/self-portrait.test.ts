import { describe, expect, test } from "bun:test";
import { defaultConfig } from "../../../../src/config/index.ts";
import { decodeRecord, encodeRecord, MAX_ADDRESSES } from "../../../../src/mesh/directory/peer-record.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { ObservedNat } from "../../../../src/mesh/network/observed-nat.ts";
import { SelfPortrait, type SelfPortraitOptions } from "../../../../src/mesh/network/self-portrait.ts";
import { decodeWays, encodeWays } from "../../../../src/mesh/network/ways-message.ts";
import { MAX_CONTROL_BYTES } from "../../../../src/mesh/paths/paths-interface.ts";
import { fixedKey } from "../../identity/fixed-network.ts";
import { link } from "./links.ts";

const links = [
  link("eth0", ["10.81.0.7/24", "fe80::7/64", "2001:db8::7/64"]),
  link("lo", ["127.0.0.1/8", "::1/128"], { kind: "loopback" }),
  link("wg0", ["10.66.0.1/24"], { kind: "tunnel" }),
  link("eth1", ["10.82.0.7/24"], { up: false }),
];

function portraitWith(options: Partial<SelfPortraitOptions> = {}, announce: string[] = []) {
  const interfaces = options.interfaces ?? (() => links);
  const nat = new ObservedNat({ interfaces, port: () => 4_600, unanswered: () => [], monotonicMs: () => 0 });
  const portrait = new SelfPortrait({
    config: { ...defaultConfig().mesh, announce },
    name: "quay",
    interfaces,
    ports: () => ({ tcp: 4_600, ws: 4_601, udp: 4_602 }),
    nat,
    relays: () => [],
    sessions: () => [],
    lora: undefined,
    services: () => [],
    capability: () => undefined,
    load: () => 12,
    ...options,
  });
  return { portrait, nat };
}

describe("a box tells members", () => {
  test("of addresses that they may reach: public ones first, none that are its own alone, one for WebSockets", () => {
    expect(portraitWith().portrait.addresses()).toEqual([
      "/ip6/2001:db8::7/tcp/4600",
      "/ip4/10.81.0.7/tcp/4600",
      "/ip6/2001:db8::7/tcp/4601/ws",
    ]);
  });

  test("of what the operator announces before all else, addresses only: members resolve no names for others", () => {
    const { portrait } = portraitWith({}, ["box.example.org:4700", "203.0.113.9:4701", "[2001:db8::9]:4702"]);
    expect(portrait.addresses().slice(0, 2)).toEqual([
      "/ip4/203.0.113.9/tcp/4701",
      "/ip6/2001:db8::9/tcp/4702",
    ]);
    expect(portrait.addresses().some((address) => address.includes("example"))).toBe(false);
    expect(portrait.endpoints().slice(0, 2)).toEqual([
      { address: "203.0.113.9", port: 4_701 },
      { address: "2001:db8::9", port: 4_702 },
    ]);
  });

  test("in an invite, of names too, of no WebSockets, and of three addresses at most", () => {
    const { portrait } = portraitWith({}, ["box.example.org:4700", "203.0.113.9:4701"]);
    expect(portrait.inviteAddresses()).toEqual([
      "/dns/box.example.org/tcp/4700",
      "/ip4/203.0.113.9/tcp/4701",
      "/ip6/2001:db8::7/tcp/4600",
    ]);
    const alone = portraitWith({ interfaces: () => [] }).portrait;
    expect([alone.inviteAddresses(), alone.addresses(), alone.endpoints()]).toEqual([[], [], []]);
  });

  test("of the endpoint at which others see it, and of each once", () => {
    const { portrait, nat } = portraitWith();
    const seen = { address: "198.51.100.77", port: 40_000 };
    nat.take({ observer: { address: "203.0.113.1", port: 1 }, seen, atMs: 0 });
    expect(portrait.endpoints()[0]).toEqual(seen);
    nat.take({
      observer: { address: "203.0.113.1", port: 1 },
      seen: { address: "2001:db8::7", port: 4_602 },
      atMs: 0,
    });
    const texts = portrait.ways().endpoints;
    expect(texts).toEqual([...new Set(texts)]);
  });

  test("by whom it is reached: where it holds a place first, four at most, none twice", () => {
    const peer = (number: number) => peerIdOf(fixedKey(number).publicKey);
    const { portrait } = portraitWith({
      relays: () => [peer(1), peer(2)],
      sessions: () => [peer(2), peer(3), peer(4), peer(5)],
    });
    expect(portrait.record().reachedBy).toEqual([1, 2, 3, 4].map((number) => fixedKey(number).publicKey));
  });

  test("that it relays, if its operator lets it, and of LoRa while a case is there", () => {
    let isUsable = false;
    const lora = { address: 0x00a1b2, isUsable: () => isUsable };
    const config = { announce: [], relay: { ...defaultConfig().mesh.relay, enabled: false } };
    const { portrait } = portraitWith({ lora, config });
    expect(portrait.offer()).toMatchObject({ relays: false, lora: undefined });
    expect(portrait.record()).not.toHaveProperty("lora");
    expect(portrait.ways()).not.toHaveProperty("lora");
    isUsable = true;
    expect([portrait.offer().lora, portrait.ways().lora, portrait.record().lora]).toEqual([
      0xa1b2, 0xa1b2, 0xa1b2,
    ]);
    expect(portraitWith().portrait.record().relays).toBe(true);
  });

  test("of however many addresses it has, as many as a record and a message hold", () => {
    const many = [
      link(
        "eth0",
        Array.from(
          { length: 60 },
          (_, index) => `2001:db8:1234:5678:9abc:def0:1234:${(index + 0x1000).toString(16)}/64`,
        ),
      ),
    ];
    const { portrait } = portraitWith(
      { interfaces: () => many },
      Array.from({ length: 4 }, (_, index) => `203.0.113.${index}:4700`),
    );
    const key = fixedKey(1);
    const record = decodeRecord(
      encodeRecord({ ...portrait.record(), chain: Uint8Array.of(1), sequence: 1 }, key),
    );
    expect(record.addresses).toHaveLength(MAX_ADDRESSES);
    expect(record.endpoints).toHaveLength(10);
    expect(decodeWays(encodeWays(portrait.ways(), MAX_CONTROL_BYTES)).endpoints.length).toBeGreaterThan(5);
  });

  test("of its services, what it can lend and its load, as they are", () => {
    const capability = { cpus: 4, memoryMiB: 100, freeMemoryMiB: 90, leases: 0, maxLeases: 2 };
    const services = [{ name: "Maps", port: 8_081 }];
    const { portrait } = portraitWith({ services: () => services, capability: () => capability });
    expect(portrait.record()).toMatchObject({ name: "quay", load: 12, services, capability });
    expect(portraitWith().portrait.record()).not.toHaveProperty("capability");
  });
});
