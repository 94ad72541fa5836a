import { afterAll, beforeAll, expect, test } from "bun:test";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { Uplink } from "../../src/mesh/traffic/uplink-plan.ts";
import { Uplinks } from "../../src/mesh/traffic/uplinks.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import { Lab, type LabHost } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { row } from "./traffic-load.ts";

const WEIGHTS = [50, 30, 20];
/** Beyond every provider. */
const WEB = "203.0.113.9";
const CONNECTIONS = 3_000;
const PINS = {
  ports: { control: [4600], messages: [4600], bulk: [4700] },
  tunnelPorts: [51_820],
  vmInterfaces: ["vm0"],
  idleSeconds: 1,
};

describeNeeding(LAB_NEEDS, "A box with three ways to the internet", () => {
  const lab = new Lab("uplinks");
  let box: LabHost;
  let machine: LabHost;
  const providers: LabHost[] = [];
  let uplinks: Uplinks;
  /** What there is said to be. */
  let now: Uplink[] = [];

  beforeAll(async () => {
    await lab.open();
    box = await lab.host("box");
    machine = await lab.host("vm");
    await lab.cable(machine, "eth0", box, "vm0");
    await machine.run(["ip", "addr", "add", "10.78.0.2/24", "dev", "eth0"]);
    await machine.run(["ip", "route", "add", "default", "via", "10.78.0.1"]);
    await box.run(["ip", "addr", "add", "10.78.0.1/24", "dev", "vm0"]);
    await asBox(box);
    await box.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    for (const index of [0, 1, 2]) {
      const provider = await lab.host(`isp${index}`);
      providers.push(provider);
      await lab.cable(box, `wan${index}`, provider, "eth0");
      await box.run(["ip", "addr", "add", `198.51.100.${index * 16 + 2}/28`, "dev", `wan${index}`]);
      await provider.run(["ip", "addr", "add", `198.51.100.${index * 16 + 1}/28`, "dev", "eth0"]);
      await provider.run(["ip", "addr", "add", `${WEB}/32`, "dev", "lo"]);
      await provider.run(["ip", "route", "add", "10.78.0.0/24", "via", `198.51.100.${index * 16 + 2}`]);
    }
    // The default route that the system made by itself, and that stays its own.
    await box.run(["ip", "route", "add", "default", "via", "198.51.100.33", "metric", "100"]);
    uplinks = new Uplinks({
      ...{ pins: PINS, timers: systemTimers, log: createLog({ level: "error" }) },
      run: (command, options) => box.tryRun(command, options),
      runFolder: lab.folder,
      look: async () => now,
    });
    await uplinks.start();
  });
  afterAll(() => lab.close());

  const state = (change: (index: number) => Partial<Uplink> = () => ({})): Uplink[] =>
    WEIGHTS.map((weight, index) => ({
      interface: `wan${index}`,
      ipv4: { gateway: `198.51.100.${index * 16 + 1}`, source: `198.51.100.${index * 16 + 2}` },
      ...{ weight, metered: false, healthy: true },
      ...change(index),
    }));
  const tell = (uplinksNow: Uplink[]) => {
    now = uplinksNow;
    return uplinks.setPins(PINS);
  };
  const received = () =>
    Promise.all(
      providers.map(async (provider) =>
        Number(await provider.run(["cat", "/sys/class/net/eth0/statistics/rx_packets"])),
      ),
    );
  /** Which provider got how many datagrams of those that `send` caused. */
  const countOf = async (send: () => Promise<void>) => {
    const before = await received();
    await send();
    const after = await received();
    return after.map((count, index) => count - (before[index] ?? 0));
  };
  /** One datagram each of as many flows as asked. */
  const flows = (host: LabHost, count: number, fromPort = 0) =>
    countOf(async () => {
      const socket = await withNetworkOf(host, () =>
        Bun.udpSocket({ port: fromPort, socket: { data() {}, error() {} } }),
      );
      for (let port = 0; port < count; port += 1) {
        try {
          socket.send("x", 10_000 + port, WEB);
        } catch (error) {
          // Answers that nobody listens, and networks that cannot be reached, are told with the next call.
          if (
            !["ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"].includes(
              (error as NodeJS.ErrnoException).code ?? "",
            )
          )
            throw error;
          port -= (error as NodeJS.ErrnoException).code === "ECONNREFUSED" ? 1 : 0;
        }
      }
      socket.close();
    });
  const total = (counts: number[]) => counts.reduce((sum, count) => sum + count, 0);

  test("new connections are spread by weight, to 10 %", async () => {
    await tell(state());
    const counts = await flows(box, CONNECTIONS);
    console.log(`      ${row(`${total(counts)} flows over three uplinks`, "weight %", "got %")}`);
    for (const [index, weight] of WEIGHTS.entries()) {
      const got = (100 * (counts[index] ?? 0)) / total(counts);
      console.log(`      ${row(`wan${index}`, weight, got.toFixed(1))}`);
      expect(Math.abs(got / weight - 1)).toBeLessThan(0.1);
    }
    expect(total(counts)).toBeGreaterThan(CONNECTIONS * 0.98);
  });

  test("machines' traffic is spread as well, from the namespace that it comes from", async () => {
    const counts = await flows(machine, CONNECTIONS);
    for (const [index, weight] of WEIGHTS.entries()) {
      expect(Math.abs((100 * (counts[index] ?? 0)) / total(counts) / weight - 1)).toBeLessThan(0.12);
    }
  });

  test("datagrams of the networks leave by the best, or by the one whose address they have", async () => {
    const [best = 0, second = 0, third = 0] = await flows(box, 200, 4_600);
    expect(best).toBeGreaterThan(190);
    expect(second + third).toBeLessThan(10);
    const bound = await countOf(async () => {
      await box.tryRun(["ping", "-c", "3", "-i", "0.1", "-I", "198.51.100.34", WEB]);
    });
    expect(bound[2]).toBeGreaterThanOrEqual(3);
  });

  test("one that fails gets nothing new, and what the others carried stays where it was", async () => {
    const routeOf = async (port: number) =>
      /dev (\S+)/.exec(
        await box.run(["ip", "route", "get", WEB, "ipproto", "udp", "sport", "7", "dport", `${port}`]),
      )?.[1];
    const ports = Array.from({ length: 60 }, (_, index) => 20_000 + index);
    const before = await Promise.all(ports.map(routeOf));
    const from = performance.now();
    await tell(state((index) => ({ healthy: index !== 1 })));
    const tookMs = performance.now() - from;
    const after = await Promise.all(ports.map(routeOf));
    console.log(`      an uplink found dead is out of use after ${tookMs.toFixed(0)} ms`);
    expect(before).toContain("wan1");
    expect(after).not.toContain("wan1");
    const moved = ports.filter((_, index) => before[index] !== "wan1" && before[index] !== after[index]);
    expect(moved).toEqual([]);
    const counts = await flows(box, 700);
    expect(counts[1]).toBeLessThan(5);
    // Whoever looks whether it works again still gets out by it.
    const probe = await box.tryRun(["ping", "-c", "1", "-W", "1", "-I", "198.51.100.18", WEB]);
    expect(probe.exitCode).toBe(0);
  });

  test("one whose interface goes down is out of use before anybody looked", async () => {
    await tell(state());
    await box.run(["ip", "link", "set", "wan0", "down"]);
    const counts = await flows(box, 700);
    expect(counts[0]).toBe(0);
    expect(total(counts)).toBeGreaterThan(650);
    await box.run(["ip", "link", "set", "wan0", "up"]);
    await tell(state());
    expect(uplinks.trouble()).toBeUndefined();
    // What is busy stays where it is; after a second of silence it may move.
    await Bun.sleep(2_500);
    expect((await flows(box, 700))[0]).toBeGreaterThan(200);
  });

  test("a metered one is used only while there is no other, and never for machines or bulk", async () => {
    await tell(state((index) => ({ metered: index === 2 })));
    expect((await flows(box, 700))[2]).toBeLessThan(5);
    await tell(state((index) => ({ metered: index === 2, healthy: index === 2 })));
    const counts = await flows(box, 200);
    expect(counts[2]).toBeGreaterThan(190);
    expect(total(await flows(machine, 200))).toBeLessThan(5);
    expect(total(await flows(box, 50, 51_820))).toBeLessThan(5);
    expect((await flows(box, 50, 4_600))[2]).toBeGreaterThan(45);
  });

  test("without a healthy one the system's own default route holds", async () => {
    await tell(state(() => ({ healthy: false })));
    expect((await flows(box, 100))[2]).toBeGreaterThan(95);
  });

  test("what it made is gone when it stops, and nothing else", async () => {
    await tell(state());
    await uplinks.stop();
    expect((await box.run(["ip", "rule", "show"])).trim().split("\n")).toHaveLength(3);
    expect(await box.run(["ip", "nexthop", "show"])).toBe("");
    expect(await box.run(["ip", "route", "show", "table", "all", "default"])).toContain("via 198.51.100.33");
    expect((await box.run(["sysctl", "-n", "net.ipv4.fib_multipath_hash_policy"])).trim()).toBe("0");
  });
});
