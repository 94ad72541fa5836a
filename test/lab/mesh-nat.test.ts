import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { systemTimers } from "../../src/host/timers.ts";
import type { NatKind, Observation } from "../../src/mesh/nat/nat-interface.ts";
import { mappedEndpoint, natKind, type OwnSocket, type Unanswered } from "../../src/mesh/nat/nat-kind.ts";
import { StunResponder } from "../../src/mesh/nat/stun-responder.ts";
import type { Endpoint } from "../../src/mesh/paths/endpoint.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { StunInquiry } from "../unit/mesh/nat/stun-inquiry.ts";
import { Lab, type LabHost } from "./lab.ts";
import { internet, type NatRouterKind, type Segment, site } from "./nat-router.ts";
import { withNetworkOf } from "./network-namespace.ts";

const OBSERVERS: readonly Endpoint[] = [
  { address: "198.51.100.10", port: 3478 },
  { address: "198.51.100.11", port: 3478 },
];

describeNeeding(LAB_NEEDS, "What kind of NAT is in front", () => {
  const lab = new Lab("nat");
  const sockets: { close(): void }[] = [];
  let net: Segment;

  const homeBehind = async (
    name: string,
    kind: NatRouterKind,
    outside: string,
    network: string,
  ): Promise<LabHost> => {
    const router = await lab.host(`${name}-r`);
    const inside = await site(lab, router, { upstream: net, outside, network, kind, mapTo: `${network}.5` });
    const box = await lab.host(name);
    await inside.plug(box, "eth0", `${network}.5`);
    return box;
  };

  const openSocket = (host: LabHost, port: number, take: (data: Uint8Array, from: Endpoint) => void) =>
    withNetworkOf(host, () =>
      Bun.udpSocket({
        hostname: "0.0.0.0",
        port,
        socket: { data: (_, data, fromPort, address) => take(data, { address, port: fromPort }) },
      }),
    );

  /** Asks both observers from one socket of `host`, and judges. */
  const judge = async (
    host: LabHost,
    address: string,
  ): Promise<{ kind: NatKind; mapped?: Endpoint; own: OwnSocket }> => {
    const inquiry = new StunInquiry({
      timers: systemTimers,
      randomBytes,
      send: (datagram, to) => void socket.send(datagram, to.port, to.address),
    });
    const socket = await openSocket(host, 4242, (data, from) => void inquiry.take(data, from));
    sockets.push(socket);
    const own: OwnSocket = { addresses: [`${address}/24`], port: 4242 };
    const sinceMs = performance.now();
    const seen = await Promise.all(OBSERVERS.map((observer) => inquiry.ask(observer)));
    const atMs = performance.now();
    const observations: Observation[] = [];
    const unanswered: Unanswered[] = [];
    for (const [index, observer] of OBSERVERS.entries()) {
      const endpoint = seen[index];
      if (endpoint) observations.push({ observer, seen: endpoint, atMs });
      else unanswered.push({ observer, sinceMs });
    }
    // The inquiry gives up after 3.5 s; silence counts after 5.
    const nowMs = unanswered.length > 0 ? sinceMs + 5_000 : atMs;
    const mapped = mappedEndpoint(observations, own, nowMs);
    return { kind: natKind(observations, own, nowMs, unanswered), ...(mapped ? { mapped } : {}), own };
  };

  beforeAll(async () => {
    await lab.open();
    net = await internet(lab, await lab.host("inet"));
    for (const [index, { address, port }] of OBSERVERS.entries()) {
      const host = await lab.host(`observer${index}`);
      await net.plug(host, "eth0", address);
      const responder = new StunResponder({
        timers: systemTimers,
        send: (datagram, to) => void socket.send(datagram, to.port, to.address),
      });
      const socket = await openSocket(host, port, (data, from) => void responder.take(data, from));
      sockets.push(socket);
    }
  });
  afterAll(async () => {
    for (const socket of sockets) socket.close();
    await lab.close();
  });

  test("none is seen as open", async () => {
    const box = await lab.host("public");
    await net.plug(box, "eth0", "198.51.100.20");
    const { kind, mapped } = await judge(box, "198.51.100.20");
    expect([kind, mapped]).toEqual(["open", { address: "198.51.100.20", port: 4242 }]);
  });

  test("a full cone and a port-restricted one are cones, whose endpoint others can use", async () => {
    const full = await homeBehind("full", "full-cone", "198.51.100.21", "10.1.1");
    expect(await judge(full, "10.1.1.5")).toMatchObject({
      kind: "cone",
      mapped: { address: "198.51.100.21", port: 4242 },
    });
    const restricted = await homeBehind("rest", "port-restricted", "198.51.100.22", "10.1.2");
    expect(await judge(restricted, "10.1.2.5")).toMatchObject({
      kind: "cone",
      mapped: { address: "198.51.100.22", port: 4242 },
    });
  });

  test("one that maps anew for each destination is symmetric, and no endpoint is told", async () => {
    const box = await homeBehind("sym", "symmetric", "198.51.100.23", "10.1.3");
    const { kind, mapped } = await judge(box, "10.1.3.5");
    expect([kind, mapped]).toEqual(["symmetric", undefined]);
  });

  test("two layers are what their worse one is", async () => {
    for (const [name, outer, inner, number, expected] of [
      ["cgc", "port-restricted", "port-restricted", 4, "cone"],
      ["cgs", "symmetric", "port-restricted", 5, "symmetric"],
      ["cgi", "port-restricted", "symmetric", 6, "symmetric"],
    ] as const) {
      const carrier = await lab.host(`${name}-c`);
      const upstream = await site(lab, carrier, {
        upstream: net,
        outside: `198.51.100.3${number}`,
        network: `100.64.${number}`,
        kind: outer,
      });
      const home = await lab.host(`${name}-h`);
      const inside = await site(lab, home, {
        upstream,
        outside: `100.64.${number}.2`,
        network: `10.2.${number}`,
        kind: inner,
      });
      const box = await lab.host(name);
      await inside.plug(box, "eth0", `10.2.${number}.5`);
      const { kind, mapped } = await judge(box, `10.2.${number}.5`);
      expect([name, kind]).toEqual([name, expected]);
      if (expected === "cone") expect(mapped?.address).toBe(`198.51.100.3${number}`);
    }
  });

  test("where no UDP comes back it is blocked", async () => {
    const box = await homeBehind("blk", "udp-blocked", "198.51.100.24", "10.1.7");
    const { kind, mapped } = await judge(box, "10.1.7.5");
    expect([kind, mapped]).toEqual(["blocked", undefined]);
  });

  test("WebRTC's own ICE finds its mapped address by our STUN server", async () => {
    const box = await homeBehind("ice", "port-restricted", "198.51.100.25", "10.1.8");
    const child = box.spawn([
      process.execPath,
      join(import.meta.dir, "ice-candidates.ts"),
      "stun:198.51.100.10:3478",
    ]);
    const status = await Promise.race([child.exited, Bun.sleep(10_000)]);
    expect(status, child.output()).toBe(0);
    expect(child.output()).toMatch(/ 198\.51\.100\.25 \d+ typ srflx /);
  });
});
