import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NatKind } from "../../src/mesh/nat/nat-interface.ts";
import type { RelayedStatus } from "../../src/mesh/tunnels/relay-flows.ts";
import type { RelayQuotas } from "../../src/mesh/tunnels/relay-ruleset.ts";
import type { TunnelStatus } from "../../src/mesh/tunnels/tunnel.ts";
import { describeNeeding } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
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

  const phaseOf = async (name: string) => (await order<TunnelStatus[]>(name, { do: "status" }))[0]?.phase;
  const print = (what: string, { longestGapMs, sent, returned }: StreamReport) =>
    console.log(
      `${what}: nothing came for ${longestGapMs.toFixed(0)} ms, ${sent - returned} of ${sent} datagrams lost`,
    );
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

  describe("within one network", () => {
    let a: LabHost;
    let b: LabHost;
    let vm: LabHost;
    let boxes: LabProcess[] = [];

    beforeAll(async () => {
      const lan = await flatNetwork(lab, await lab.host("lan"));
      const other = await flatNetwork(lab, await lab.host("lan2"));
      [a, b, vm] = [await lab.host("lan-a"), await lab.host("lan-b"), await lab.host("vm")];
      await lan.plug(a, "eth0", "192.168.9.10");
      await lan.plug(b, "eth0", "192.168.9.11");
      await other.plug(a, "eth1", "192.168.10.10");
      await other.plug(b, "eth1", "192.168.10.11");
      boxes = [await startBox(a, "lan-a"), await startBox(b, "lan-b")];
    });
    afterAll(async () => {
      await Promise.all(boxes.map((box) => box.stop()));
    });

    const open = async (netns?: string) => {
      const inside = netns === undefined ? {} : { netns };
      await order("lan-b", { do: "accept", own: "10.66.0.2", other: "10.66.0.1", ...inside });
      const ends = { peer: "lan-b", own: "10.66.0.1", other: "10.66.0.2" };
      const report = await order<OpenReport>("lan-a", { do: "open", ...ends });
      if (netns === undefined) await order("lan-b", { do: "echo", at: "10.66.0.2" });
      return report;
    };
    const close = async () => {
      await order("lan-a", { do: "close" });
      await until("the other to close", async () => (await phaseOf("lan-b")) === undefined);
      for (const host of [a, b, vm]) {
        await until("no interface", async () => !(await host.run(["ip", "-o", "link"])).includes("omt-"));
      }
    };

    test("two boxes have a direct tunnel at once, and nothing of it is left when one closes it", async () => {
      const { upMs, phase } = await open();
      expect(phase).toBe("direct");
      console.log(`one LAN: up in ${upMs.toFixed(0)} ms`);
      const report = await order<StreamReport>("lan-a", {
        do: "stream",
        to: "10.66.0.2",
        forMs: 500,
        everyMs: 5,
      });
      expect(report.returned).toBe(report.sent);
      const mbit = await order<number>("lan-a", { do: "push", to: "10.66.0.2", forMs: 3_000 });
      console.log(`one LAN: ${mbit.toFixed(0)} Mbit/s`);
      expect(mbit).toBeGreaterThan(10);
      await close();
    });

    test("a tunnel whose link becomes a black hole goes on over another one within 2.5 s", async () => {
      await open();
      const streaming = order<StreamReport>("lan-a", {
        do: "stream",
        to: "10.66.0.2",
        forMs: 5_000,
        everyMs: 5,
      });
      await Bun.sleep(500);
      const [status] = await order<TunnelStatus[]>("lan-a", { do: "status" });
      const device = status?.endpoint?.address.startsWith("192.168.9.") ? "eth0" : "eth1";
      await b.run(["nft", "-f", "-"], {
        input: `table inet hole {
          chain input { type filter hook input priority 0; iifname ${device} drop; }
          chain output { type filter hook output priority 0; oifname ${device} drop; }
        }`.replaceAll("drop; }", "drop\n }"),
      });
      const report = await streaming;
      print("one LAN, black hole", report);
      expect(report.longestGapMs).toBeLessThan(2_500);
      await b.run(["nft", "delete", "table", "inet", "hole"]);
      await close();
    });

    test("a tunnel whose wireguard-go is killed comes up again under its old key and port", async () => {
      await open();
      const [before] = await order<TunnelStatus[]>("lan-a", { do: "status" });
      const killed = performance.now();
      const pid = readFileSync(join(lab.folder, "lan-a", `wireguard-go-${before?.interface}.pid`), "utf8");
      process.kill(Number(pid), "SIGKILL");
      const after = await until("the tunnel to be up again", async () => {
        const [status] = await order<TunnelStatus[]>("lan-a", { do: "status" });
        return status?.losses === 1 && status.phase === "direct" && status;
      });
      console.log(`wireguard-go killed: up again after ${(performance.now() - killed).toFixed(0)} ms`);
      expect(after.interface).toBe(before?.interface ?? "");
      await close();
    });

    test("a box that does not want a tunnel says so, and the other's end goes at once", async () => {
      await order("lan-b", { do: "refuse" });
      const ends = { peer: "lan-b", own: "10.66.0.1", other: "10.66.0.2" };
      await expect(order("lan-a", { do: "open", ...ends })).rejects.toThrow("refused");
      await until("no interface", async () => !(await a.run(["ip", "-o", "link"])).includes("omt-"));
    });

    test("a box that was killed leaves no wireguard-go behind its next start, and the other end hears that the tunnel is no more", async () => {
      await open();
      const [before] = await order<TunnelStatus[]>("lan-a", { do: "status" });
      const pidFile = join(lab.folder, "lan-a", `wireguard-go-${before?.interface}.pid`);
      const pid = Number(readFileSync(pidFile, "utf8"));
      await boxes[0]?.stop("SIGKILL");
      expect(existsSync(`/proc/${pid}`)).toBe(true);
      hub.forget("lan-a");
      boxes[0] = await startBox(a, "lan-a");
      await until("wireguard-go to be gone", () => !existsSync(`/proc/${pid}`));
      expect(await a.run(["ip", "-o", "link"])).not.toContain("omt-");
      await until("the other end to close", async () => (await phaseOf("lan-b")) === undefined);
    });

    test("a box takes no more tunnels with one peer than it wants", async () => {
      // Four with one peer: see the box's quotas.
      for (let i = 0; i < 4; i++) await open();
      await expect(open()).rejects.toThrow("4 tunnels");
      await close();
    });

    test("an end may lie in another network namespace, with its UDP socket outside", async () => {
      await open(vm.name);
      expect(await b.run(["ip", "-o", "link"])).not.toContain("omt-");
      expect(await vm.run(["ip", "-o", "addr"])).toContain("10.66.0.2/24");
      expect(await vm.run(["ss", "-lun"])).not.toMatch(/UNCONN/);
      expect(await a.run(["ping", "-c", "3", "-i", "0.1", "10.66.0.2"])).toContain("3 received");
      await close();
    });

    test("ends have tunnels where IPv6 is switched off", async () => {
      const ipv6Off = async (value: 0 | 1) => {
        for (const host of [a, vm])
          for (const which of ["all", "default"])
            await host.run(["tee", `/proc/sys/net/ipv6/conf/${which}/disable_ipv6`], {
              input: String(value),
            });
      };
      await ipv6Off(1);
      await open(vm.name);
      expect(await a.run(["ping", "-c", "3", "-i", "0.1", "10.66.0.2"])).toContain("3 received");
      await close();
      await ipv6Off(0);
    });
  });

  describe("with a kernel that has WireGuard", () => {
    let host: LabHost;
    let vm: LabHost;
    let path = "";

    beforeAll(async () => {
      [host, vm] = [await lab.host("kernel"), await lab.host("kernel-vm")];
      const folder = join(lab.folder, "programs");
      mkdirSync(folder);
      const real = Bun.which("ip") ?? "";
      // This one may have none: a pair of cables' ends stands in for WireGuard's, and a port that is always the same.
      writeFileSync(
        join(folder, "ip"),
        `#!/bin/sh\nexec ${real} $(printf '%s ' "$@" | sed 's/type wireguard/type veth/')\n`,
      );
      const dump = "private\\tpublic\\t51820\\toff\\n";
      writeFileSync(
        join(folder, "wg"),
        `#!/bin/sh\n[ "$1" = show ] && printf '${dump}' || echo ${"A".repeat(43)}=\n`,
      );
      for (const program of ["ip", "wg"]) chmodSync(join(folder, program), 0o755);
      path = `${folder}:${process.env.PATH}`;
    });

    const run = (...rest: string[]) =>
      host.run(
        [process.execPath, join(import.meta.dir, "wireguard-ends.ts"), join(lab.folder, "kernel"), ...rest],
        { env: { PATH: path } },
      );
    const interfaces = (where: LabHost) => where.run(["ip", "-br", "link"]);

    test("an interface that cannot be put where it belongs is not left where it was made", async () => {
      expect(await run("make", "omt-a", "omb-no-such-one")).toContain("omb-no-such-one");
      expect(await interfaces(host)).not.toContain("omt-");
    });

    test("the interfaces of a killed daemon are removed by the next one, in other namespaces too", async () => {
      expect(await run("make", "omt-b", vm.name)).toContain("made");
      expect(await run("make", "omt-c")).toContain("made");
      expect(await interfaces(vm)).toContain("omt-b");
      expect(await interfaces(host)).toContain("omt-c");
      await run("clear");
      expect(await interfaces(vm)).not.toContain("omt-");
      expect(await interfaces(host)).not.toContain("omt-");
    });
  });

  describe("across the internet", () => {
    let world: Segment;
    let relayHost: LabHost;
    let sites = 0;

    beforeAll(async () => {
      world = await internet(lab, await lab.host("inet"));
      relayHost = await lab.host("relay");
      await asBox(relayHost);
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
      await asBox(second);
      await world.plug(second, "eth0", "198.51.100.8");
      await startBox(second, "relay2");
      await order("relay2", { do: "relay", quotas: QUOTAS });
      const dying = await lab.host("relay3");
      await asBox(dying);
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

    test("a relay takes no more tunnels than its operator allows, and passes no more of each", async () => {
      const small = await lab.host("relay4");
      await asBox(small);
      await world.plug(small, "eth0", "198.51.100.6");
      await startBox(small, "relay4");
      const kbitEach = 8_000;
      await order("relay4", { do: "relay", quotas: { ...QUOTAS, tunnels: 1, kbitEach } });
      const symmetric: [NatRouterKind, NatKind] = ["symmetric", "symmetric"];
      const first = await pair("q1", symmetric, symmetric, ["relay4"]);
      const mbit = await order<number>(first.left.name, { do: "push", to: "10.66.0.2", forMs: 4_000 });
      console.log(`relayed with a quota of ${kbitEach / 1_000} Mbit/s: ${mbit.toFixed(1)} Mbit/s`);
      // In four seconds five seconds' worth at most: what the kernel saves up is one second's.
      expect(mbit).toBeLessThan((kbitEach / 1_000) * 1.25);
      expect(mbit).toBeGreaterThan(kbitEach / 2_000);
      // Refused there, the next one in its list takes it.
      const second = await pair("q2", symmetric, symmetric, ["relay4", "relay"]);
      const [status] = await order<TunnelStatus[]>(second.left.name, { do: "status" });
      expect(status?.relay).toBe("relay");
      const fast = await order<number>(second.left.name, { do: "push", to: "10.66.0.2", forMs: 3_000 });
      console.log(`relayed: ${fast.toFixed(0)} Mbit/s`);
      await closeBoth(first);
      await closeBoth(second);
    });

    test("a relay that was killed and starts anew has left nothing open, and is used again", async () => {
      const killed = await lab.host("relay5");
      await asBox(killed);
      await world.plug(killed, "eth0", "198.51.100.5");
      const forwarding = () => killed.run(["cat", "/proc/sys/net/ipv4/conf/eth0/forwarding"]);
      const tables = () => killed.run(["nft", "list", "tables"]);
      const firstLife = await startBox(killed, "relay5");
      await order("relay5", { do: "relay", quotas: QUOTAS });
      const tunnel = await pair("rk", ["symmetric", "symmetric"], ["symmetric", "symmetric"], ["relay5"]);
      // The kernel goes on by itself.
      const report = await during(tunnel.left.name, 1_500, () => firstLife.stop("SIGKILL"));
      print("relayed, the relay's daemon is killed", report);
      expect(report.returned / report.sent).toBeGreaterThan(0.98);
      expect(await tables()).toContain("omerta_relay");
      hub.forget("relay5");
      await startBox(killed, "relay5");
      await order("relay5", { do: "relay", quotas: QUOTAS });
      await until("the tunnel's place there to be made anew", async () => {
        const status = await order<RelayedStatus[]>("relay5", { do: "relay-status" });
        return status.some(({ ends }) => ends !== undefined);
      });
      await reach(tunnel.left.name, "relayed");
      // Somebody else empties the tables.
      await killed.run(["nft", "flush", "ruleset"]);
      await until("the table to be put back", async () => (await tables()).includes("omerta_relay"));
      await closeBoth(tunnel);
      await until("nothing to be left", async () => !(await tables()).includes("omerta_relay"));
      expect(await forwarding()).toBe("0\n");
    }, 60_000);

    test("a relay takes its tunnels along to another address, and forwards again when somebody has switched that off", async () => {
      const mover = await lab.host("relay6");
      await world.plug(mover, "eth0", "198.51.100.4");
      const forwarding = () => mover.run(["cat", "/proc/sys/net/ipv4/conf/eth0/forwarding"]);
      await startBox(mover, "relay6");
      await order("relay6", { do: "relay", quotas: QUOTAS });
      const tunnel = await pair("rm", ["symmetric", "symmetric"], ["symmetric", "symmetric"], ["relay6"]);
      const report = await during(tunnel.left.name, 4_000, async () => {
        await mover.run(["ip", "addr", "add", "198.51.100.3/24", "dev", "eth0"]);
        await mover.run(["ip", "addr", "del", "198.51.100.4/24", "dev", "eth0"]);
        await mover.run(["ip", "addr", "replace", "198.51.100.3/24", "dev", "eth0"]);
      });
      print("relayed, the relay moves", report);
      await reach(tunnel.left.name, "relayed");
      const [status] = await order<TunnelStatus[]>(tunnel.left.name, { do: "status" });
      expect(status?.endpoint?.address).toBe("198.51.100.3");
      expect(report.longestGapMs).toBeLessThan(3_500);
      expect(await order<RelayedStatus[]>("relay6", { do: "relay-status" })).toHaveLength(1);
      await mover.run(["tee", "/proc/sys/net/ipv4/conf/eth0/forwarding"], { input: "0" });
      await until("forwarding to be set again", async () => (await forwarding()) === "1\n");
      await reach(tunnel.left.name, "relayed");
      await closeBoth(tunnel);
      await until("forwarding to be put back", async () => (await forwarding()) === "0\n");
    }, 40_000);

    test("what a killed relay has left is cleared at the box's next start, also of a network that it has left", async () => {
      const left = await lab.host("relay7");
      await world.plug(left, "eth0", "198.51.100.2");
      const life = await startBox(left, "relay7");
      await order("relay7", { do: "relay", quotas: QUOTAS, table: "omerta_relay_left" });
      const tunnel = await pair("rl", ["symmetric", "symmetric"], ["symmetric", "symmetric"], ["relay7"]);
      await left.run(["nft", "add", "table", "inet", "someone_else"]);
      await life.stop("SIGKILL");
      expect(await left.run(["nft", "list", "tables"])).toContain("omerta_relay_left");
      hub.forget("relay7");
      await startBox(left, "relay7");
      await order("relay7", { do: "clear-relays" });
      expect(await left.run(["nft", "list", "tables"])).toBe("table inet someone_else\n");
      expect(await left.run(["cat", "/proc/sys/net/ipv4/conf/eth0/forwarding"])).toBe("0\n");
      await closeBoth(tunnel);
    }, 40_000);

    test("garbage and forged handshakes at a relay's ports take no flow over and stop none", async () => {
      const tunnel = await pair("gb", ["symmetric", "symmetric"], ["symmetric", "symmetric"]);
      const rules = await relayHost.run(["nft", "list", "chain", "inet", "omerta_relay", "arriving"]);
      const ports = [...rules.matchAll(/(\d+) : jump/g)].map(([, port]) => Number(port));
      expect(ports).toHaveLength(2);
      const stranger = await lab.host("stranger");
      await world.plug(stranger, "eth0", "198.51.100.66");
      const before = await order<RelayedStatus[]>("relay", { do: "relay-status" });
      const flood = stranger.spawn([
        ...[
          process.execPath,
          join(import.meta.dir, "tunnel-forger.ts"),
          "198.51.100.9",
          ...ports.map(String),
        ],
      ]);
      await until("the flood", () => flood.output().includes("sent"));
      const report = await order<StreamReport>(tunnel.left.name, {
        do: "stream",
        to: "10.66.0.2",
        forMs: 3_000,
        everyMs: 5,
      });
      print("relayed, under a flood of forged packets", report);
      expect(report.returned / report.sent).toBeGreaterThan(0.98);
      expect(await order<RelayedStatus[]>("relay", { do: "relay-status" })).toMatchObject(
        before.map(({ ends }) => ({ ends })),
      );
      await flood.stop();
      await closeBoth(tunnel);
    });
  });
});
