import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { NatKind } from "../../src/mesh/nat/nat-interface.ts";
import type { RelayQuotas } from "../../src/mesh/tunnels/relay-ruleset.ts";
import type { TunnelStatus } from "../../src/mesh/tunnels/tunnel.ts";
import type { RelayedStatus } from "../../src/mesh/tunnels/udp-relay.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { flatNetwork, internet, type NatRouterKind, type Segment, site } from "./nat-router.ts";
import { type BoxOrder, type OpenReport, PLAINTEXT, type StreamReport } from "./tunnel-box.ts";
import { TunnelHub } from "./tunnel-hub.ts";

const NEEDS = ["root", "program:nft", "program:wg", "program:wireguard-go", "program:ping"] as const;
const QUOTAS: RelayQuotas = {
  tunnels: 4,
  tunnelsPerPeer: 2,
  kbitEach: 500_000,
  kbitTotal: 1_000_000,
  lifetimeS: 30,
  ports: { first: 40_000, last: 40_999 },
};
/** Of each control message on its way. */
const CONTROL_DELAY_MS = 20;

describeNeeding(NEEDS, "Tunnels between boxes", () => {
  const lab = new Lab("tun");
  let hub: TunnelHub;

  beforeAll(async () => {
    await lab.open();
    hub = new TunnelHub(join(lab.folder, "hub"), CONTROL_DELAY_MS);
    hub.start();
  });
  afterAll(async () => {
    await lab.close();
    hub.stop();
  });

  const order = <T = void>(to: string, what: BoxOrder): Promise<T> => hub.order<T>(to, what);

  async function startBox(host: LabHost, name: string) {
    const box = host.spawn([
      process.execPath,
      join(import.meta.dir, "tunnel-box.ts"),
      name,
      join(lab.folder, "hub"),
      join(lab.folder, name),
    ]);
    await until(`${name} to answer`, () => hub.has(name));
    return box;
  }

  test("two boxes of one network have a direct tunnel at once, and nothing of it is left when one closes it", async () => {
    const lan = await flatNetwork(lab, await lab.host("lan"));
    const [a, b] = [await lab.host("lan-a"), await lab.host("lan-b")];
    await lan.plug(a, "eth0", "192.168.9.10");
    await lan.plug(b, "eth0", "192.168.9.11");
    const boxes = [await startBox(a, "lan-a"), await startBox(b, "lan-b")];
    await order("lan-b", { do: "accept", own: "10.66.0.2", other: "10.66.0.1" });
    const { upMs, phase } = await order<OpenReport>("lan-a", {
      do: "open",
      peer: "lan-b",
      own: "10.66.0.1",
      other: "10.66.0.2",
    });
    expect(phase).toBe("direct");
    await order("lan-b", { do: "echo", at: "10.66.0.2" });
    const report = await order<StreamReport>("lan-a", {
      do: "stream",
      to: "10.66.0.2",
      forMs: 500,
      everyMs: 5,
    });
    expect(report.returned).toBe(report.sent);
    console.log(`one LAN: up in ${upMs.toFixed(0)} ms`);
    await order("lan-a", { do: "close" });
    await until(
      "the other to close",
      async () => (await order<unknown[]>("lan-b", { do: "status" })).length === 0,
    );
    for (const host of [a, b]) {
      await until("no interface", async () => !(await host.run(["ip", "-o", "link"])).includes("omt-"));
      expect(await host.run(["wg", "show", "interfaces"]).catch(() => "")).not.toContain("omt-");
    }
    await Promise.all(boxes.map((box) => box.stop()));
  });

  describe("across the internet", () => {
    let world: Segment;
    let relayHost: LabHost;
    let sites = 0;

    beforeAll(async () => {
      world = await internet(lab, await lab.host("inet"));
      relayHost = await lab.host("relay");
      await world.plug(relayHost, "eth0", "198.51.100.9");
      await startBox(relayHost, "relay");
      await order("relay", { do: "relay", quotas: QUOTAS });
    });

    /** A box behind a router of its own. */
    async function boxBehind(name: string, kind: NatRouterKind, nat: NatKind, relays: string[]) {
      const number = ++sites;
      const router = await lab.host(`${name}-nat`);
      const inside = await site(lab, router, {
        upstream: world,
        outside: `198.51.100.${20 + number}`,
        network: `10.${number}.1`,
        kind,
      });
      const host = await lab.host(name);
      await inside.plug(host, "eth0", `10.${number}.1.5`);
      const box = await startBox(host, name);
      await order(name, { do: "be", nat, relays });
      return { name, host, router, inside, box };
    }

    async function pair(
      label: string,
      a: [NatRouterKind, NatKind],
      b: [NatRouterKind, NatKind],
      relays = ["relay"],
    ) {
      const left = await boxBehind(`${label}-a`, ...a, relays);
      const right = await boxBehind(`${label}-b`, ...b, relays);
      await order(right.name, { do: "accept", own: "10.66.0.2", other: "10.66.0.1" });
      const opened = await order<OpenReport>(left.name, {
        do: "open",
        peer: right.name,
        own: "10.66.0.1",
        other: "10.66.0.2",
      });
      await order(right.name, { do: "echo", at: "10.66.0.2" });
      return { left, right, opened };
    }

    const phaseOf = async (name: string) => (await order<TunnelStatus[]>(name, { do: "status" }))[0]?.phase;

    /** What a stream of datagrams through the tunnel meets while something is done to it. */
    async function during(
      name: string,
      forMs: number,
      disturb: () => Promise<unknown>,
    ): Promise<StreamReport> {
      const streaming = order<StreamReport>(name, { do: "stream", to: "10.66.0.2", forMs, everyMs: 5 });
      await Bun.sleep(500);
      await disturb();
      return streaming;
    }
    const reach = (name: string, phase: string, timeoutMs = 8_000) =>
      until(`${name} to be ${phase}`, async () => (await phaseOf(name)) === phase, timeoutMs);
    const print = (what: string, { longestGapMs, sent, returned }: StreamReport) =>
      console.log(
        `${what}: nothing came for ${longestGapMs.toFixed(0)} ms, ${sent - returned} of ${sent} datagrams lost`,
      );
    const closeBoth = async ({ left, right }: Awaited<ReturnType<typeof pair>>) => {
      await order(left.name, { do: "close" });
      await until("both closed", async () => (await phaseOf(right.name)) === undefined);
      await Promise.all([left.box.stop(), right.box.stop()]);
    };

    test("two boxes behind symmetric NATs are relayed by the kernel, and the relay sees no plaintext", async () => {
      const tunnel = await pair("ss", ["symmetric", "symmetric"], ["symmetric", "symmetric"]);
      expect(tunnel.opened.phase).toBe("relayed");
      console.log(`symmetric to symmetric: up in ${tunnel.opened.upMs.toFixed(0)} ms`);
      const capture = relayHost.spawn(["tcpdump", "-l", "-n", "-A", "-i", "eth0", "udp"]);
      await until("the capture", () => capture.output().includes("listening"));
      const report = await order<StreamReport>(tunnel.left.name, {
        do: "stream",
        to: "10.66.0.2",
        forMs: 1_000,
        everyMs: 5,
      });
      print("symmetric to symmetric, undisturbed", report);
      expect(report.returned).toBe(report.sent);
      await until("packets in the capture", () => capture.output().split("UDP").length > report.sent);
      expect(capture.output()).not.toContain(PLAINTEXT);
      const relayed = await order<RelayedStatus[]>("relay", { do: "relay-status" });
      expect(relayed).toHaveLength(1);
      await capture.stop();
      expect(await phaseOf(tunnel.right.name)).toBe("relayed");
      await closeBoth(tunnel);
      await until(
        "the relay to be left",
        async () => (await order<unknown[]>("relay", { do: "relay-status" })).length === 0,
      );
      expect(await relayHost.run(["nft", "list", "tables"])).not.toContain("omerta_relay");
      expect(await relayHost.run(["cat", "/proc/sys/net/ipv4/conf/eth0/forwarding"])).toBe("0\n");
    });

    test("a box behind a cone NAT and one behind a symmetric one are relayed", async () => {
      const tunnel = await pair("cs", ["port-restricted", "cone"], ["symmetric", "symmetric"]);
      expect(tunnel.opened.phase).toBe("relayed");
      console.log(`cone to symmetric: up in ${tunnel.opened.upMs.toFixed(0)} ms`);
      await closeBoth(tunnel);
    });

    test("two boxes behind cone NATs leave the relay for a hole through both, with next to nothing lost", async () => {
      const tunnel = await pair("cc", ["port-restricted", "cone"], ["port-restricted", "cone"]);
      console.log(`cone to cone: up in ${tunnel.opened.upMs.toFixed(0)} ms`);
      const report = await during(tunnel.left.name, 2_000, () => reach(tunnel.left.name, "direct"));
      print("cone to cone, punching", report);
      expect(report.longestGapMs).toBeLessThan(1_000);
      await reach(tunnel.right.name, "direct");
      const fallen = await during(tunnel.left.name, 5_000, () => forgetHole(tunnel.left.router));
      print("cone to cone, the hole closes", fallen);
      expect(fallen.longestGapMs).toBeLessThan(2_500);
      await closeBoth(tunnel);
    });

    /** The router lets the ends' direct packets through no longer, in either direction; the relay's it does. */
    const forgetHole = (router: LabHost) =>
      router.run(["nft", "-f", "-"], {
        input: `table ip hole {
          chain forward {
            type filter hook forward priority -5
            meta l4proto udp ip saddr != 198.51.100.9 ip daddr != 198.51.100.9 drop
          }
        }`,
      });

    for (const side of ["left", "right"] as const) {
      test(`a relayed tunnel goes on when its ${side} end gets another address`, async () => {
        const tunnel = await pair(`m${side[0]}`, ["symmetric", "symmetric"], ["symmetric", "symmetric"]);
        const { name, host, router } = tunnel[side];
        const network = (await host.run(["ip", "-4", "-o", "addr", "show", "eth0"])).match(
          /inet (\d+\.\d+\.\d+)\./,
        )?.[1];
        const report = await during(tunnel.left.name, 4_000, async () => {
          await host.run(["ip", "addr", "del", `${network}.5/24`, "dev", "eth0"]);
          await host.run(["ip", "addr", "add", `${network}.6/24`, "dev", "eth0"]);
          await host.run(["ip", "route", "replace", "default", "via", `${network}.1`, "dev", "eth0"]);
          await router.tryRun(["conntrack", "-F"]);
          await order(name, { do: "moved" });
        });
        print(`relayed, ${side} end moves`, report);
        expect(report.longestGapMs).toBeLessThan(2_500);
        expect(await phaseOf(name)).toBe("relayed");
        await closeBoth(tunnel);
      });

      test(`a relayed tunnel goes on when the NAT of its ${side} end forgets it and nobody is told`, async () => {
        const tunnel = await pair(`f${side[0]}`, ["symmetric", "symmetric"], ["symmetric", "symmetric"]);
        const report = await during(tunnel.left.name, 5_000, () =>
          tunnel[side].router.run(["conntrack", "-F"]),
        );
        print(`relayed, NAT of the ${side} end forgets`, report);
        expect(report.longestGapMs).toBeLessThan(2_500);
        await closeBoth(tunnel);
      });

      test(`a direct tunnel goes on when its ${side} end, behind a NAT, gets another address`, async () => {
        const tunnel = await pair(`d${side[0]}`, ["port-restricted", "cone"], ["port-restricted", "cone"]);
        await reach(tunnel.left.name, "direct");
        await reach(tunnel.right.name, "direct");
        const { name, host, router } = tunnel[side];
        const network = (await host.run(["ip", "-4", "-o", "addr", "show", "eth0"])).match(
          /inet (\d+\.\d+\.\d+)\./,
        )?.[1];
        const report = await during(tunnel.left.name, 5_000, async () => {
          // The site's way out has another address from now on.
          await router.run(["ip", "addr", "add", `198.51.100.${200 + sites}/24`, "dev", "wan"]);
          await router.run([
            "nft",
            "add",
            "rule",
            "ip",
            "nat-router",
            "postrouting",
            "oifname",
            "wan",
            "snat",
            "to",
            `198.51.100.${200 + sites}`,
          ]);
          await router.run([
            "nft",
            "insert",
            "rule",
            "ip",
            "nat-router",
            "postrouting",
            "oifname",
            "wan",
            "snat",
            "to",
            `198.51.100.${200 + sites}`,
          ]);
          await host.run(["ip", "addr", "del", `${network}.5/24`, "dev", "eth0"]);
          await host.run(["ip", "addr", "add", `${network}.6/24`, "dev", "eth0"]);
          await host.run(["ip", "route", "replace", "default", "via", `${network}.1`, "dev", "eth0"]);
          await router.tryRun(["conntrack", "-F"]);
          await order(name, { do: "moved" });
        });
        print(`direct, ${side} end moves`, report);
        expect(report.longestGapMs).toBeLessThan(2_500);
        await reach(tunnel.left.name, "direct");
        await closeBoth(tunnel);
      });
    }

    test("a tunnel goes on over a second relay when the first one dies", async () => {
      const second = await lab.host("relay2");
      await world.plug(second, "eth0", "198.51.100.8");
      await startBox(second, "relay2");
      await order("relay2", { do: "relay", quotas: QUOTAS });
      const dying = await lab.host("relay3");
      await world.plug(dying, "eth0", "198.51.100.7");
      const dyingBox = await startBox(dying, "relay3");
      await order("relay3", { do: "relay", quotas: QUOTAS });
      const tunnel = await pair(
        "rd",
        ["symmetric", "symmetric"],
        ["symmetric", "symmetric"],
        ["relay3", "relay2"],
      );
      const report = await during(tunnel.left.name, 5_000, async () => {
        hub.silence("relay3");
        await dying.run(["ip", "link", "set", "eth0", "down"]);
      });
      print("relayed, the relay dies", report);
      expect(report.longestGapMs).toBeLessThan(2_500);
      expect(await order<unknown[]>("relay2", { do: "relay-status" })).toHaveLength(1);
      await closeBoth(tunnel);
      await dyingBox.stop();
    });
  });
});
