import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../../src/host/wireguard-key.ts";
import { Requester } from "../../../src/requester/requester.ts";
import { RequesterState } from "../../../src/requester/requester-state.ts";
import { seenPeer, type VpnPeer } from "../../../src/requester/vpn-peer.ts";
import { VpnServer } from "../../../src/requester/vpn-server.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";
import { PlayedGround } from "./played-ground.ts";

const scratch = scratchFolders();
const PRIVATE_KEY = makeWireGuardKey();
const PEER = wireGuardPublicKey(makeWireGuardKey());

function served() {
  const ground = new PlayedGround();
  const time = new VirtualTime();
  const { log } = capturedLog();
  const options = { id: "0badcafe", privateKey: PRIVATE_KEY, listenPort: 0, allowLan: false };
  return { ground, time, log, server: new VpnServer(options, ground, log, time) };
}

describe("A VPN server", () => {
  test("has its rules before its interface, and forwards after both", async () => {
    const { ground, server } = served();
    const ends = await server.start();
    expect(ends.publicKey).toBe(wireGuardPublicKey(PRIVATE_KEY));
    // As it is reached from outside, not as the interface has it.
    expect(ends.listenPort).toBe(40_001);
    expect(server.port).toBe(40_000);
    const place = (what: string) => ground.ran.findIndex((said) => said.startsWith(what));
    const places = ["begin", "nft -j -f -", "ip link add", "ip -batch", "forward"].map(place);
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    await server.stop();
  });

  test("is started once and stopped as often as one likes", async () => {
    const { ground, time, server } = served();
    const [one, two] = [await server.start(), await server.start()];
    expect(two).toEqual(one);
    expect(ground.ran.filter((said) => said === "begin")).toHaveLength(1);
    await server.stop();
    await server.stop();
    expect(ground.device).toBeUndefined();
    expect(time.waiting).toBe(0);
    await server.start();
    expect(ground.device).toBe(PRIVATE_KEY);
    await server.stop();
  });

  test("leaves nothing when it cannot be started", async () => {
    const { ground, time, server } = served();
    ground.failing = "ip -batch";
    await expect(server.start()).rejects.toThrow("ip -batch");
    expect(ground.ended).toBe(1);
    expect(time.waiting).toBe(0);
  });

  test("makes anew what others took: rules, the interface, and its peers where they were last heard", async () => {
    const { ground, time, server } = served();
    await server.start();
    const address = server.freeAddress();
    await server.addPeer({ publicKey: PEER, address, endpoint: undefined });
    ground.endpoints = `${PEER}\t198.51.100.2:5555\n`;
    await time.advanceAsync(3_500);
    const rules = () => ground.ran.filter((said) => said === "nft -j -f -").length;
    const before = rules();
    await time.advanceAsync(3_500);
    expect(rules()).toBe(before);
    ground.lose();
    await time.advanceAsync(3_500);
    expect(rules()).toBe(before + 1);
    expect(ground.device).toBe(PRIVATE_KEY);
    expect(ground.peers.get(PEER)).toContain(`allowed-ips ${address}/32`);
    expect(ground.peers.get(PEER)).toContain("endpoint 198.51.100.2:5555");
    // Another network to protect is another set of rules.
    ground.own = ["192.168.7.2/24", "203.0.113.5/24"];
    await time.advanceAsync(3_500);
    expect(rules()).toBe(before + 2);
    await server.stop();
  });

  test("takes peers with a key, an address of its own and a place that can be, and each address once", async () => {
    const { ground, server } = served();
    await server.start();
    const address = server.freeAddress();
    const peer: VpnPeer = { publicKey: PEER, address, endpoint: { address: "2001:db8::2", port: 51_820 } };
    const wrong: [Partial<VpnPeer>, string][] = [
      [{ publicKey: "x" }, "peer.publicKey"],
      [{ address: "192.168.7.1" }, "peer.address"],
      [{ endpoint: { address: "example.org", port: 1 } }, "peer.endpoint"],
      [{ endpoint: { address: "192.0.2.1", port: 0 } }, "peer.endpoint"],
    ];
    for (const [change, field] of wrong)
      await expect(server.addPeer({ ...peer, ...change })).rejects.toThrow(field);
    expect(ground.peers.size).toBe(0);
    await server.addPeer(peer);
    await server.addPeer(peer);
    expect(ground.peers.get(PEER)).toContain("endpoint [2001:db8::2]:51820");
    expect(server.freeAddress()).not.toBe(address);
    const other = wireGuardPublicKey(makeWireGuardKey());
    await expect(server.addPeer({ ...peer, publicKey: other })).rejects.toThrow("another virtual machine's");
    await server.removePeer(PEER);
    await server.removePeer(PEER);
    expect(ground.peers.size).toBe(0);
    expect(server.freeAddress()).toBe(address);
    await server.stop();
    await expect(server.addPeer(peer)).rejects.toThrow("does not run");
  });
});

describe("A peer that we come to", () => {
  test("is spoken to anew at once as long as it has not answered, and left alone from then on", async () => {
    const { ground, server } = served();
    await server.start();
    const address = server.freeAddress();
    const set = () => ground.ran.filter((said) => said.includes(`peer ${PEER}`)).length;
    await server.addPeer({ publicKey: PEER, address, endpoint: undefined });
    await server.knock(PEER);
    expect(set()).toBe(1);
    const endpoint = { address: "198.51.100.2", port: 51_820 };
    await server.addPeer({ publicKey: PEER, address, endpoint });
    await server.knock(PEER);
    expect(ground.ran.slice(-2)).toEqual([
      expect.stringContaining(`peer ${PEER} remove`),
      expect.stringContaining("endpoint 198.51.100.2:51820"),
    ]);
    const before = set();
    ground.handshakes = `${PEER}\t1785000000\n`;
    await server.knock(PEER);
    expect(set()).toBe(before);
    await server.knock("nobody's");
    await server.stop();
    await server.knock(PEER);
    expect(set()).toBe(before);
  });
});

describe("A requester", () => {
  test("keeps its port, and reaches a machine as its ground does", async () => {
    const { server, log, time } = served();
    const state = RequesterState.open(join(scratch(), "requester.json"));
    const requester = new Requester({
      ...{ state, vpn: server, log, clock: time },
      transportTo: () => {
        throw new Error("nobody is asked");
      },
    });
    await requester.start();
    expect(state.vpn.listenPort).toBe(40_000);
    expect(requester.proxy("10.66.7.2", 22)).toEqual(["nsenter", "it's 100%", "10.66.7.2", "22"]);
    await requester.stop();
  });
});

describe("A peer whose way somebody else finds", () => {
  async function led() {
    const all = served();
    await all.server.start();
    const address = all.server.freeAddress();
    await all.server.addPeer({ publicKey: PEER, address, endpoint: { address: "192.0.2.1", port: 1_000 } });
    const end = all.server.ledEnd(PEER);
    const lastSet = () => all.ground.ran.findLast((said) => said.startsWith("wg set") && said.includes(PEER));
    return { ...all, address, end, lastSet };
  }

  test("is pointed where it is, sends nothing by itself before it is stirred, and is not knocked at", async () => {
    const { ground, server, address, end, lastSet } = await led();
    expect(end).toMatchObject({ interface: "omq0badcafe", peerKey: PEER, listenPort: 40_001 });
    expect(end.publicKey).toBe(wireGuardPublicKey(PRIVATE_KEY));
    await end.point({ address: "2001:db8::2", port: 5_000 }, true);
    expect(lastSet()).toBe(
      `wg set omq0badcafe peer ${PEER} remove peer ${PEER} allowed-ips ${address}/32 persistent-keepalive 0 endpoint [2001:db8::2]:5000`,
    );
    const before = ground.ran.length;
    await server.knock(PEER);
    expect(ground.ran).toHaveLength(before);
    await end.stir();
    expect(lastSet()).toBe(
      `wg set omq0badcafe peer ${PEER} persistent-keepalive 0 peer ${PEER} persistent-keepalive 15`,
    );
    await end.point(undefined, false);
    expect(lastSet()).toBe(
      `wg set omq0badcafe peer ${PEER} allowed-ips ${address}/32 persistent-keepalive 0`,
    );
    await server.stop();
  });

  test("is no more to be had once it is removed, and is made anew where it was pointed last", async () => {
    const { ground, time, server, end } = await led();
    await end.point({ address: "198.51.100.7", port: 5_000 }, false);
    ground.lose();
    await time.advanceAsync(3_500);
    expect(ground.peers.get(PEER)).toContain("endpoint 198.51.100.7:5000");
    await server.removePeer(PEER);
    await expect(end.point({ address: "198.51.100.7", port: 5_000 }, false)).rejects.toThrow("no peer's");
    expect(await end.stir()).toBeUndefined();
    expect(ground.peers.size).toBe(0);
    expect(() => server.ledEnd(PEER)).toThrow("no peer's");
    await server.stop();
  });

  test("is not made again by what was being set when it was removed: its provider would go on by our internet", async () => {
    const { ground, server, end } = await led();
    const run = ground.tryRun.bind(ground);
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    ground.tryRun = async (command, options) => {
      if (command.includes("allowed-ips")) {
        begun.resolve();
        await held.promise;
      }
      return run(command, options);
    };
    const pointed = end.point({ address: "198.51.100.7", port: 5_000 }, false);
    await begun.promise;
    const removed = server.removePeer(PEER);
    held.resolve();
    await Promise.all([pointed, removed]);
    expect(ground.peers.size).toBe(0);
    await server.stop();
  });

  test("is seen as wg(8) shows it", () => {
    const dump = `private\tpublic\t40000\toff
${PEER}\t(none)\t[2001:db8::2]:5000\t10.66.7.2/32\t1700000000\t180\t92\t15
other\t(none)\t(none)\t10.66.7.3/32\t0\t0\t0\toff
`;
    expect(seenPeer(dump, PEER)).toEqual({
      ...{ handshakeAt: 1_700_000_000, receivedBytes: 180, sentBytes: 92 },
      endpoint: { address: "2001:db8::2", port: 5_000 },
    });
    expect(seenPeer(dump, "other")).toEqual({ handshakeAt: 0, receivedBytes: 0, sentBytes: 0 });
    expect(seenPeer(dump, "nobody")).toBeUndefined();
  });
});
