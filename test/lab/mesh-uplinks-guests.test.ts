import { afterAll, beforeAll, expect, test } from "bun:test";
import { defaultConfig } from "../../src/config/index.ts";
import { nftRuleset, type RulesetPlan } from "../../src/gateway/firewall/index.ts";
import { planGuestNetwork } from "../../src/gateway/guest-network.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { clearLeftovers } from "../../src/mesh/traffic/leftovers.ts";
import { uplinkLook } from "../../src/mesh/traffic/uplink-finder.ts";
import { Uplinks } from "../../src/mesh/traffic/uplinks.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { asBox } from "./box-kernel.ts";
import { listenOn } from "./guest.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";

/** Beyond both providers. */
const WEB = "203.0.113.9";
const PRIVATE = "192.168.50.9";
const PORT = 7_000;
const CONNECTIONS = 60;
const GUEST = "10.20.0.16";
const CONFIG = { ...defaultConfig().gateway, subnet: "10.20.0.0/20" };
const NET = planGuestNetwork(CONFIG, new Uint8Array(32).fill(7));
const WANS = ["wan0", "wan1"];
const PINS = {
  ports: { control: [4_600], messages: [4_600], bulk: [] },
  ...{ tunnelPorts: [], vmInterfaces: [], idleSeconds: 1 },
};

describeNeeding(LAB_NEEDS, "Guests of a box with two ways to the internet", () => {
  const lab = new Lab("twoways");
  let box: LabHost;
  let guest: LabHost;
  const providers: LabHost[] = [];
  const ends: (() => void)[] = [];
  let uplinks: Uplinks;

  beforeAll(async () => {
    await lab.open();
    [box, guest] = [await lab.host("box"), await lab.host("guest")];
    await asBox(box);
    await box.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await box.run(["ip", "link", "add", NET.bridge, "up", "type", "bridge"]);
    await box.run(["ip", "addr", "add", `${NET.ipv4.address}/${NET.ipv4.prefix}`, "dev", NET.bridge]);
    await lab.cable(guest, "eth0", box, "port0");
    await box.run(["ip", "link", "set", "port0", "master", NET.bridge]);
    await guest.run(["ip", "addr", "add", `${GUEST}/${NET.ipv4.prefix}`, "dev", "eth0"]);
    await guest.run(["ip", "route", "add", "default", "via", NET.ipv4.address]);
    for (const [index, wan] of WANS.entries()) {
      const provider = await lab.host(`isp${index}`);
      providers.push(provider);
      await lab.cable(box, wan, provider, "eth0");
      await box.run(["ip", "addr", "add", `192.0.2.${index * 16 + 2}/28`, "dev", wan]);
      // No provider routes private addresses back: what is not masqueraded gets no answer.
      for (const own of [`192.0.2.${index * 16 + 1}/28`, `${WEB}/32`, `${PRIVATE}/32`]) {
        await provider.run(["ip", "addr", "add", own, "dev", "eth0"]);
      }
      const via = ["via", `192.0.2.${index * 16 + 1}`, "metric", `${100 + index}`];
      await box.run(["ip", "route", "add", "default", ...via]);
      ends.push(listenOn(provider, PORT));
    }
    uplinks = new Uplinks({
      ...{ pins: PINS, timers: systemTimers, log: createLog({ level: "error" }) },
      run: (command, options) => box.tryRun(command, options),
      runFolder: lab.folder,
      look: uplinkLook(
        () => WANS.map((wan) => ({ interface: wan, weight: 50 })),
        () => false,
        (command, options) => box.tryRun(command, options),
      ),
    });
    await uplinks.start();
    await openGateway({});
  });
  afterAll(async () => {
    for (const end of ends) end();
    await uplinks.stop();
    await lab.close();
  });

  const openGateway = async (more: Partial<RulesetPlan>) => {
    const plan = {
      ...{ net: NET, limits: CONFIG.limits, guestRateKbit: 0, guestToGuest: false, uplinks: WANS },
      ...{ blockPrivate: true, tls: false, known: [], services: [], ...more },
    };
    const mac = (await guest.run(["cat", "/sys/class/net/eth0/address"])).trim();
    const nftables = nftRuleset(plan, [{ mac, ipv4: GUEST, seconds: 3_600 }]);
    await box.run(["nft", "-j", "-f", "-"], { input: JSON.stringify({ nftables }) });
  };
  /** Packets that each provider has got. */
  const received = () =>
    Promise.all(
      providers.map(async (provider) =>
        Number(await provider.run(["cat", "/sys/class/net/eth0/statistics/rx_packets"])),
      ),
    );
  /** How an attempt ends: "open", "refused" or "silent". */
  const knock = async (address: string): Promise<string> => {
    let open = () => {};
    const opened = new Promise<string>((resolve) => {
      open = () => resolve("open");
    });
    const socket = { open: () => open(), data() {}, error() {}, connectError() {} };
    const attempt = withNetworkOf(guest, () => Bun.connect({ hostname: address, port: PORT, socket }));
    const refused = attempt.then(
      (connection) => {
        setTimeout(() => connection.terminate(), 1);
        return opened;
      },
      () => "refused",
    );
    return await Promise.race([refused, Bun.sleep(1_000).then(() => "silent")]);
  };
  const connect = async () => {
    const before = await received();
    const outcomes: string[] = [];
    for (let count = 0; count < CONNECTIONS; count += 1) outcomes.push(await knock(WEB));
    const after = await received();
    const open = outcomes.filter((outcome) => outcome === "open").length;
    return { open, by: after.map((packets, index) => packets - (before[index] ?? 0)) };
  };

  test("all of a guest's connections are let out, over both", async () => {
    const { open, by } = await connect();
    console.log(`      ${open} of ${CONNECTIONS} connections, packets by uplink: ${by.join(", ")}`);
    expect(open).toBe(CONNECTIONS);
    for (const packets of by) expect(packets).toBeGreaterThan(CONNECTIONS / 3);
  });

  test("private networks are refused behind both", async () => {
    const outcomes = () => Promise.all(Array.from({ length: 20 }, () => knock(PRIVATE)));
    // The kernel tells a refusal a few times a second only.
    expect(await outcomes()).not.toContain("open");
    // The control.
    await openGateway({ blockPrivate: false });
    expect(new Set(await outcomes())).toEqual(new Set(["open"]));
    await openGateway({});
  });

  test("a guest's rate is his over both together", async () => {
    const RATE_KBIT = 800;
    await openGateway({ guestRateKbit: RATE_KBIT });
    const bytes = async () =>
      (
        await Promise.all(
          providers.map(async (provider) =>
            Number(await provider.run(["cat", "/sys/class/net/eth0/statistics/rx_bytes"])),
          ),
        )
      ).reduce((sum, count) => sum + count, 0);
    const socket = await withNetworkOf(guest, () => Bun.udpSocket({ socket: { data() {}, error() {} } }));
    const before = await bytes();
    const from = performance.now();
    const ways = new Set<number>();
    for (let count = 0; performance.now() - from < 4_000; count += 1) {
      try {
        socket.send(Buffer.alloc(1_000), 20_000 + (count % 40), WEB);
        ways.add(count % 40);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
      }
      if (count % 4 === 0) await Bun.sleep(5);
    }
    const kbit = (((await bytes()) - before) * 8) / (performance.now() - from);
    socket.close();
    console.log(`      a guest held to ${RATE_KBIT} kbit/s got ${kbit.toFixed(0)} over both uplinks`);
    expect(ways.size).toBe(40);
    expect(kbit).toBeGreaterThan(RATE_KBIT * 0.6);
    // The bucket holds a second's worth at the start.
    expect(kbit).toBeLessThan(RATE_KBIT * 1.6);
    await openGateway({});
  });

  test("a router that was replaced by another is followed, and one that falls silent is left", async () => {
    const provider = providers[1];
    if (!provider) throw new Error("no provider");
    const route = (how: string, router: string) =>
      box.run(["ip", "route", how, "default", "via", router, "dev", "wan1", "metric", "101"]);
    await provider.run(["ip", "addr", "del", "192.0.2.17/28", "dev", "eth0"]);
    await provider.run(["ip", "addr", "add", "192.0.2.30/28", "dev", "eth0"]);
    await route("del", "192.0.2.17");
    await route("add", "192.0.2.30");
    // No one tells it: it looks by itself.
    await until(
      "the new router",
      async () => (await box.run(["ip", "nexthop", "show"])).includes("via 192.0.2.30"),
      12_000,
    );
    expect((await connect()).open).toBe(CONNECTIONS);

    // The wire stays, and nobody answers.
    await provider.run(["ip", "addr", "flush", "dev", "eth0"]);
    const from = performance.now();
    await until("the silent router to be left", () => uplinks.detail() === "wan0 (50)", 45_000);
    // What it says of itself is a moment ahead of the kernel.
    await uplinks.setPins(PINS);
    console.log(
      `      left ${((performance.now() - from) / 1_000).toFixed(0)} s after the router fell silent`,
    );
    const { open, by } = await connect();
    expect(open).toBe(CONNECTIONS);
    expect(by[1]).toBeLessThan(20);

    for (const own of ["192.0.2.30/28", `${WEB}/32`])
      await provider.run(["ip", "addr", "add", own, "dev", "eth0"]);
    await until("it to be used again", () => uplinks.detail().includes("wan1"), 30_000);
  }, 120_000);

  test("what a killed box left is removed by name when the part is not wanted any more, and nothing else", async () => {
    const run: Parameters<typeof clearLeftovers>[0] = (command, options) => box.tryRun(command, options);
    await box.run(["tc", "qdisc", "add", "dev", "wan0", "root", "handle", "2:", "pfifo_fast"]);
    await box.run(["tc", "qdisc", "add", "dev", "wan1", "root", "handle", "7:", "pfifo"]);
    await box.run(["nft", "add", "table", "inet", "omerta_traffic"]);
    await box.run(["ip", "rule", "add", "pref", "20100", "from", "192.0.2.200", "lookup", "main"]);
    await clearLeftovers(run, { traffic: false, uplinks: false }, lab.folder);
    expect(await box.run(["ip", "rule", "show"])).toContain("20009:");
    expect(await box.run(["nft", "list", "tables"])).toContain("omerta_traffic");
    await clearLeftovers(run, { traffic: true, uplinks: true }, lab.folder);
    expect(await box.run(["ip", "rule", "show"])).not.toMatch(/^2000\d:/m);
    expect(await box.run(["ip", "rule", "show"])).toContain("20100:");
    expect(await box.run(["ip", "nexthop", "show"])).toBe("");
    expect((await box.run(["sysctl", "-n", "net.ipv4.fib_multipath_hash_policy"])).trim()).toBe("0");
    expect(await box.run(["ip", "route", "show", "table", "all"])).not.toMatch(/table 461\d\d/);
    expect(await box.run(["nft", "list", "tables"])).not.toContain("omerta_traffic");
    expect(await box.run(["tc", "qdisc", "show", "dev", "wan0"])).not.toContain(" 2: root");
    expect(await box.run(["tc", "qdisc", "show", "dev", "wan1"])).toContain(" 7: root");
  });
});
