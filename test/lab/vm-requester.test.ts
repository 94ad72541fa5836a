import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { run } from "../../src/host/run.ts";
import { describeNeeding } from "../needs.ts";
import { lookUp } from "./dns.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import {
  BACK,
  type Home,
  INTERNET,
  LAN,
  leftOf,
  makeHome,
  NAME,
  page,
  pings,
  REQUESTER,
  type RunningRequester,
  StandIn,
  startRequester,
} from "./vm-requester.ts";

const NEEDS = [
  ...(["root", "program:nft", "program:wg", "program:wireguard-go", "program:ping"] as const),
  ...(["program:dnsmasq", "program:curl"] as const),
];

describeNeeding(NEEDS, "The requester's VPN", () => {
  const lab = new Lab("vmreq");
  let home: Home;
  let vms: [StandIn, StandIn];
  let running: RunningRequester | undefined;

  beforeAll(async () => {
    await lab.open();
    home = await makeHome(lab);
    vms = [await StandIn.make(lab, home.host, "vm1"), await StandIn.make(lab, home.host, "vm2")];
  }, 60_000);
  afterEach(async () => {
    await running?.process.stop();
    running = undefined;
  });
  afterAll(() => lab.close(), 30_000);

  const serve = async (...[more]: [Parameters<typeof startRequester>[3]?]): Promise<RunningRequester> => {
    const started = await startRequester(lab, home.requester, vms, more);
    running = started;
    for (const [index, vm] of vms.entries()) await vm.join(started.report, index);
    for (const vm of vms) await until("a tunnel", () => pings(vm.inside, started.report.gateway), 15_000);
    return started;
  };
  /** On a busy machine an answer may take longer than a page is waited for. */
  const serves = (from: LabHost, address: string, text: string) =>
    until(
      `"${text}" from ${address}`,
      async () => (await page(from, address))?.startsWith(text.trimEnd()),
      20_000,
    );
  const sysctlsOf = async () =>
    (
      await home.requester.run([
        ...[
          "sysctl",
          "net.ipv4.ip_forward",
          "net.ipv4.conf.eth0.forwarding",
          "net.ipv4.conf.eth1.forwarding",
        ],
      ])
    ).trim();
  const nothingLeft = async (folder: string, before: string) => {
    const began = performance.now();
    let left: string[] = [];
    await until(
      "nothing to be left",
      async () => {
        left = await leftOf(home.requester, folder);
        return left.length === 0;
      },
      5_000,
    ).catch((error) => {
      throw new Error(`${error}: ${left.join("; ")}`);
    });
    expect(await sysctlsOf()).toBe(before);
    return performance.now() - began;
  };

  test("a virtual machine reaches the internet and its names through the requester, and nothing of the requester's", async () => {
    const before = await sysctlsOf();
    const { report, order, process: serving } = await serve();
    const [vm] = vms;
    expect(report.trouble).toBeNull();
    // By the requester's address: the internet sees where it really comes from.
    await serves(vm.inside, INTERNET, `hello ${REQUESTER}`);
    expect(await lookUp(vm.inside, NAME, "A", report.dns)).toBe(`NOERROR ${INTERNET}`);
    const own = [LAN, BACK, REQUESTER, "192.168.8.2", report.gateway];
    for (const address of own) {
      expect(await page(vm.inside, address)).toBeUndefined();
      if (address !== report.gateway) expect(await pings(vm.inside, address)).toBe(false);
      // They serve, for whom it is meant.
      await serves(home.requester, address, "hello ");
    }
    // The requester reaches the machine that it has asked for.
    await serves(home.requester, report.addresses[0] ?? "", `hello ${report.gateway}`);
    await serving.stop();
    await nothingLeft(order.folder, before);
  }, 60_000);

  test("two virtual machines do not reach each other, and the LAN reaches neither them nor their DNS", async () => {
    const { report } = await serve();
    const [first = "", second = ""] = report.addresses;
    expect(await page(vms[0].inside, second)).toBeUndefined();
    expect(await page(vms[1].inside, first)).toBeUndefined();
    expect(await pings(vms[0].inside, second)).toBe(false);
    await home.lan.run([
      "ip",
      "route",
      "replace",
      `${report.gateway}/24`.replace(/\.1\//, ".0/"),
      "via",
      REQUESTER,
    ]);
    expect(await page(home.lan, first)).toBeUndefined();
    expect(await pings(home.lan, first)).toBe(false);
    await until("an answer to the requester", () => pings(home.requester, first));
    expect(await lookUp(home.lan, NAME, "A", `${report.gateway}:1053`)).not.toContain("NOERROR");
  }, 60_000);

  test("forwarding that was opened for virtual machines makes the requester a router for nobody else", async () => {
    // The positive control: a machine that forwards does route from its one network to the other.
    await home.requester.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await serves(home.lan, BACK, "hello ");
    await home.requester.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
    await serve();
    expect(await home.requester.run(["sysctl", "-n", "net.ipv4.conf.eth0.forwarding"])).toBe("1\n");
    expect(await page(home.lan, BACK)).toBeUndefined();
    await serves(vms[0].inside, INTERNET, `hello ${REQUESTER}`);
  }, 60_000);

  test("a requester that allows its LAN opens that, and still not itself", async () => {
    const { report } = await serve({ allowLan: true });
    await serves(vms[0].inside, LAN, `hello ${REQUESTER}`);
    for (const address of [REQUESTER, "192.168.8.2", report.gateway])
      expect(await page(vms[0].inside, address)).toBeUndefined();
  }, 60_000);

  test("rules that somebody flushes and a wireguard-go that somebody kills are made anew", async () => {
    const { report } = await serve();
    await home.requester.run(["nft", "flush", "ruleset"]);
    await until("the rules", async () =>
      (await home.requester.run(["nft", "list", "tables"])).includes("omerta_vpn_"),
    );
    await until("the internet", async () => (await page(vms[0].inside, INTERNET)) === `hello ${REQUESTER}`);
    expect(await page(vms[0].inside, LAN)).toBeUndefined();
    const pids = (await run(["ip", "netns", "pids", home.requester.name])).split("\n").filter(Boolean);
    for (const pid of pids) {
      const command = await Bun.file(`/proc/${pid}/cmdline`).text();
      if (command.startsWith("wireguard-go\0")) process.kill(Number(pid), "SIGKILL");
    }
    await until("the tunnel again", () => pings(vms[0].inside, report.gateway), 30_000);
    await serves(vms[0].inside, INTERNET, `hello ${REQUESTER}`);
    expect(await page(vms[0].inside, LAN)).toBeUndefined();
  }, 90_000);

  test("a requester that is killed leaves no interface, table, program or kernel parameter", async () => {
    const before = await sysctlsOf();
    for (let round = 1; round <= 3; round += 1) {
      const { process: serving, order } = await serve();
      expect((await leftOf(home.requester, order.folder)).length).toBeGreaterThan(4);
      await serving.stop("SIGKILL");
      const tookMs = await nothingLeft(order.folder, before);
      console.log(`killed requester, round ${round}: nothing left after ${tookMs.toFixed(0)} ms`);
    }
  }, 120_000);

  test("what a requester and its reaper, both killed, have left is cleared away by the next start", async () => {
    const before = await sysctlsOf();
    const { process: serving, order } = await serve();
    const pids = (await run(["ip", "netns", "pids", home.requester.name])).split("\n").filter(Boolean);
    for (const pid of pids) {
      const command = await Bun.file(`/proc/${pid}/cmdline`).text();
      if (/vpn-reaper-process|vm-requester-process/.test(command)) process.kill(Number(pid), "SIGKILL");
    }
    await serving.exited;
    expect((await leftOf(home.requester, order.folder)).join()).toContain("omq");
    const { process: next } = await serve({ id: "00c0ffee" });
    expect((await leftOf(home.requester, order.folder)).join()).not.toContain(order.id);
    await next.stop();
    await nothingLeft(order.folder, before);
  }, 90_000);
});
