import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { createLog } from "../../../../src/host/log.ts";
import { NetworkTunnels } from "../../../../src/mesh/network/network-tunnels.ts";
import type { ControlHandler } from "../../../../src/mesh/paths/paths-interface.ts";
import { type KeptEnd, leasePurpose } from "../../../../src/mesh/tunnels/kept-end.ts";
import { makeTunnel, TunnelsStoppedError } from "../../../../src/mesh/tunnels/tunnel-making.ts";
import {
  decodeTunnelMessage,
  encodeTunnelMessage,
  RELAY_CHANNEL,
  TUNNEL_CHANNEL,
  type TunnelMessage,
} from "../../../../src/mesh/tunnels/tunnel-messages.ts";
import { type OfferHandler, Tunnels } from "../../../../src/mesh/tunnels/tunnels.ts";
import type { TunnelDevice } from "../../../../src/mesh/tunnels/wireguard-device.ts";

const KEY = new Uint8Array(32).fill(9);
const wish = { addresses: [], allowedIps: [] };
const log = createLog({ level: "error" });

/** Interfaces that are made when they are let to, in the place of the kernel's. */
function devices() {
  const standing = new Set<string>();
  let ready = Promise.resolve();
  let makeReady = () => {};
  return {
    standing,
    hold() {
      ready = new Promise((resolve) => {
        makeReady = resolve;
      });
    },
    letGo: () => makeReady(),
    factory: (name: string): TunnelDevice => ({
      name,
      async ensure() {
        await ready;
        standing.add(name);
        return { publicKey: Buffer.from(KEY).toString("base64"), listenPort: 5_555 };
      },
      setPeer: async () => {},
      status: async () => ({ listenPort: 5_555 }),
      remove: async () => {
        standing.delete(name);
      },
    }),
  };
}

/** A channel on which "other" accepts what is offered. */
function channel() {
  const handlers = new Map<string, ControlHandler>();
  const asked: string[] = [];
  const offered: Extract<TunnelMessage, { type: "offer" }>[] = [];
  return {
    ...{ asked, offered },
    handle: (name: string, handler: ControlHandler) => void handlers.set(name, handler),
    take: (from: string, message: Parameters<typeof encodeTunnelMessage>[0]) =>
      handlers.get(TUNNEL_CHANNEL)?.(from, encodeTunnelMessage(message)),
    async send(peer: string, name: string, body: Uint8Array) {
      if (name === RELAY_CHANNEL) asked.push(peer);
      if (name !== TUNNEL_CHANNEL) return;
      const message = decodeTunnelMessage(body);
      if (message.type !== "offer") return;
      offered.push(message);
      const { id } = message;
      const at = { nat: "symmetric", endpoints: [{ address: "203.0.113.5", port: 40_000 }] } as const;
      this.take(peer, { type: "accept", id, key: KEY, at: { ...at, metered: false } });
    },
  };
}

function box(onOffer: OfferHandler = async () => wish) {
  const made = devices();
  const wire = channel();
  const tunnels = new Tunnels({
    channel: wire,
    endpoints: (port) => [{ address: "10.0.0.2", port }],
    natKind: () => "symmetric",
    rules: () => ({ forbidden: [], own: [] }),
    isMetered: () => false,
    relays: () => [],
    deviceFactory: made.factory,
    runFolder: "/nonexistent",
    timers: new VirtualTime(),
    randomBytes,
    log,
    quotas: { tunnels: 8, tunnelsPerPeer: 8 },
  });
  tunnels.onOffer(onOffer);
  return { tunnels, made, wire };
}

function network(wire: ReturnType<typeof channel>, relays: () => string[], timers = new VirtualTime()) {
  return new NetworkTunnels({
    channel: wire,
    config: { enabled: false, boxes: 0, total_kbit: 0, each_kbit: 0, tunnels: 0 },
    networkId: "n",
    slot: 0,
    interfaces: () => [],
    forbidden: [],
    addresses: () => ["10.0.0.2"],
    mapped: () => undefined,
    nat: () => "symmetric",
    relays,
    runFolder: "/nonexistent",
    changed: () => {},
    timers,
    log,
    deviceFactory: devices().factory,
  });
}

const offer = { type: "offer", id: new Uint8Array(16).fill(1), key: KEY, purpose: "" } as const;
const theirs = { nat: "symmetric", endpoints: [], metered: false } as const;

describe("Tunnels that stop", () => {
  test("undo one that is being opened, and open no other", async () => {
    const { tunnels, made } = box();
    await tunnels.start(false);
    made.hold();
    const opening = tunnels.open("other", { device: wish, purpose: "" }).catch((error: unknown) => error);
    const stopped = tunnels.stop();
    made.letGo();
    await stopped;
    expect(made.standing.size).toBe(0);
    expect(await opening).toBeInstanceOf(TunnelsStoppedError);
    await expect(tunnels.open("other", { device: wish, purpose: "" })).rejects.toThrow(TunnelsStoppedError);
    expect(made.standing.size).toBe(0);
    expect(tunnels.status()).toEqual([]);
  });

  test("undo one that is being taken", async () => {
    const { tunnels, made, wire } = box();
    await tunnels.start(false);
    made.hold();
    wire.take("other", { ...offer, at: theirs });
    await Bun.sleep(0);
    const stopped = tunnels.stop();
    made.letGo();
    await stopped;
    expect(made.standing.size).toBe(0);
    expect(tunnels.status()).toEqual([]);
  });

  test("leave nothing of an interface that could not be made", async () => {
    const { tunnels, made } = box();
    await tunnels.start(false);
    const removed: string[] = [];
    const broken: TunnelDevice = {
      ...made.factory("omt-x"),
      ensure: () => Promise.reject(new Error("no such namespace")),
      remove: async () => void removed.push("omt-x"),
    };
    const making = { ...Object(tunnels).options, lifetimeMs: 1, isWanted: () => true };
    const about = { id: randomBytes(16), role: "leader", peer: "other", purpose: "" } as const;
    await expect(makeTunnel(about, wish, { ...making, deviceFactory: () => broken })).rejects.toThrow(
      "no such namespace",
    );
    expect(removed).toEqual(["omt-x"]);
  });
});

describe("A tunnel whose interface is a lease's", () => {
  const pointed: string[] = [];
  const kept = (peerKey: Uint8Array): KeptEnd => ({
    ...{ name: "omw0", publicKey: Buffer.alloc(32, 4).toString("base64"), listenPort: 24_700 },
    peerKey: Buffer.from(peerKey).toString("base64"),
    setPeer: async ({ publicKey, endpoint }) => void pointed.push(`${publicKey} ${endpoint?.address}`),
    status: async () => ({ listenPort: 24_700 }),
    stir: async () => ({ listenPort: 24_700 }),
  });

  test("is offered with the lease's own key and port, and pointed at the lease's peer", async () => {
    pointed.length = 0;
    const { tunnels, made, wire } = box();
    await tunnels.start(false);
    const tunnel = await tunnels.open("other", { device: kept(KEY), purpose: leasePurpose("1") });
    await tunnel.settled();
    expect(wire.offered.map(({ key }) => Buffer.from(key))).toEqual([Buffer.alloc(32, 4)]);
    expect(wire.offered[0]?.at.endpoints).toEqual([{ address: "10.0.0.2", port: 24_700 }]);
    expect(new Set(pointed)).toEqual(new Set([`${Buffer.from(KEY).toString("base64")} 203.0.113.5`]));
    // All leases of a requester have one port.
    await tunnels.open("other", { device: kept(KEY), purpose: leasePurpose("2") });
    expect(tunnels.listenPorts()).toEqual([24_700]);
    expect(made.standing.size).toBe(0);
    await tunnels.stop();
  });

  test("is pointed at nobody who shows another key than the lease's requester has", async () => {
    pointed.length = 0;
    const { tunnels } = box();
    await tunnels.start(false);
    const device = kept(new Uint8Array(32).fill(8));
    const tunnel = await tunnels.open("other", { device, purpose: leasePurpose("1") });
    await tunnel.settled();
    expect(pointed).toEqual([]);
    await tunnels.stop();
  });
});

describe("The tunnels of a network", () => {
  test("hand offers for leases to who has leases, and to no welcome", async () => {
    const time = new VirtualTime();
    const wire = channel();
    const tunnels = network(wire, () => [], time);
    await tunnels.start();
    const asked: unknown[] = [];
    const stop = tunnels.serveLeases(async (lease, { peer, key }) => {
      asked.push([lease, peer, key]);
      return undefined;
    });
    tunnels.welcome({ device: wish });
    const lent = { ...offer, purpose: leasePurpose("abc"), at: theirs };
    wire.take("other", lent);
    await Bun.sleep(1);
    expect(asked).toEqual([["abc", "other", Buffer.from(KEY).toString("base64")]]);
    // Nor is anything told of what was refused: whoever offers a thousand has the box do nothing for it.
    expect(time.waiting).toBe(0);
    stop();
    wire.take("other", { ...lent, id: new Uint8Array(16).fill(2) });
    await Bun.sleep(1);
    expect(asked).toHaveLength(1);
    expect(tunnels.status()).toEqual([]);
    await tunnels.stop();
  });

  test("ask a relay that becomes known later, as soon as that is looked at", async () => {
    const time = new VirtualTime();
    const wire = channel();
    let relays: string[] = [];
    const tunnels = network(wire, () => relays, time);
    await tunnels.start();
    const opened = tunnels.open("other", { device: wish, purpose: "" }, 60_000).catch(() => {});
    await time.advanceAsync(10_000);
    tunnels.review();
    await time.advanceAsync(1_000);
    expect(wire.asked).toEqual([]);
    relays = ["other", "late"];
    await time.advanceAsync(5_000);
    expect(wire.asked).toEqual([]);
    tunnels.review();
    await time.advanceAsync(1_000);
    expect(new Set(wire.asked)).toEqual(new Set(["late"]));
    await tunnels.stop();
    await opened;
  });
});
