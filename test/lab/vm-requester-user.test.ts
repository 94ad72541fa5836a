import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "../../src/host/run.ts";
import { isRunning, markOf, type ProcessMark } from "../../src/requester/vpn-record.ts";
import { describeNeeding } from "../needs.ts";
import { lookUp } from "./dns.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import {
  BACK,
  type Home,
  INTERNET,
  LAN,
  makeHome,
  NAME,
  page,
  pings,
  REQUESTER,
  type RunningRequester,
  StandIn,
  startRequester,
  WEB_PORT,
} from "./vm-requester.ts";

const NEEDS = [
  ...(["root", "program:nft", "program:wg", "program:wireguard-go", "program:ping"] as const),
  ...(["program:dnsmasq", "program:curl", "program:slirp4netns", "program:setpriv"] as const),
];

/** Nobody's number, on any machine. A user may map no other's into a namespace of their own, and root without rights not root's (user_namespaces(7)). */
const USER = 65_534;
const AS_USER = [
  ...["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"],
  ...[`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
];
/** All processes that a process has started, and those that these have. */
async function descendantsOf(pid: number): Promise<ProcessMark[]> {
  const rows = (await run(["ps", "-A", "-o", "pid=,ppid="]))
    .split("\n")
    .map((row) => row.trim().split(/\s+/));
  const found = [pid];
  for (const parent of found)
    found.push(...rows.filter(([, of]) => Number(of) === parent).map(([child]) => Number(child)));
  return found.slice(1).flatMap((child) => markOf(child) ?? []);
}

const TITLE = "The VPN of a requester without rights";
const program = join(import.meta.dir, "vm-requester-user.ts");
const isReadable = [...AS_USER, "test", "-r", program];
const canRead = process.getuid?.() !== 0 || (await tryRun(isReadable)).exitCode === 0;

if (!canRead) describe.skip(`${TITLE} [skipped: other users cannot read this checkout]`, () => {});
else
  describeNeeding(NEEDS, TITLE, () => {
    const lab = new Lab("vmusr");
    let home: Home;
    let vms: [StandIn, StandIn];
    let running: RunningRequester;

    beforeAll(async () => {
      await lab.open();
      home = await makeHome(lab);
      vms = [await StandIn.make(lab, home.host, "uvm1"), await StandIn.make(lab, home.host, "uvm2")];
      const folder = join(lab.folder, "user");
      mkdirSync(folder);
      chownSync(folder, USER, USER);
      running = await startRequester(lab, home.requester, vms, { folder }, program, AS_USER);
      for (const [index, vm] of vms.entries()) await vm.join(running.report, index);
      for (const vm of vms)
        await until("a tunnel", () => pings(vm.inside, running.report.gateway), 30_000).catch((error) => {
          throw new Error(`${error}: ${running.process.output()}`);
        });
    }, 90_000);
    afterAll(() => lab.close(), 30_000);

    const serves = (from: LabHost, address: string, text: string) =>
      until(`"${text}" from ${address}`, async () => (await page(from, address))?.startsWith(text), 20_000);

    test("changes nothing of the machine's own network", async () => {
      const status = await Bun.file(`/proc/${running.process.pid}/status`).text();
      expect(/^CapEff:\s*(\w+)/m.exec(status)?.[1]).toBe("0".repeat(16));
      expect(await home.requester.run(["ip", "-o", "link"])).not.toContain("omq");
      expect(await home.requester.run(["nft", "list", "ruleset"])).toBe("");
      expect(await home.requester.run(["sysctl", "-n", "net.ipv4.conf.eth0.forwarding"])).toBe("0\n");
    });

    test("leads virtual machines to the internet and its names, to nothing of the requester's, not to each other", async () => {
      const [vm, other] = vms;
      const { report } = running;
      await serves(vm.inside, INTERNET, `hello ${REQUESTER}`);
      const answer = async () => (await lookUp(vm.inside, NAME, "A", report.dns)) === `NOERROR ${INTERNET}`;
      await until("the name's address", answer, 20_000);
      for (const address of [LAN, BACK, REQUESTER, "10.0.2.2", "10.0.2.100", report.gateway]) {
        expect(await page(vm.inside, address)).toBeUndefined();
      }
      for (const address of [LAN, BACK, REQUESTER]) await serves(home.requester, address, "hello ");
      expect(await page(vm.inside, report.addresses[1] ?? "")).toBeUndefined();
      expect(await page(other.inside, report.addresses[0] ?? "")).toBeUndefined();
    }, 60_000);

    test("lets the requester into a virtual machine by a command that ssh takes", async () => {
      const proxy = running.report.proxy;
      expect(proxy).not.toBeNull();
      const command = (proxy ?? []).map((word) => (word === "22" ? String(WEB_PORT + 1) : word));
      expect(await home.requester.run(command)).toBe("SSH-2.0-lab\r\n");
    });

    test("is gone when the requester is killed", async () => {
      const descendants = await descendantsOf(running.process.pid);
      // unshare, what holds the namespace, slirp4netns, nsenter, wireguard-go.
      expect(descendants.length).toBeGreaterThanOrEqual(5);
      const began = performance.now();
      await running.process.stop("SIGKILL");
      await until("nothing to be left", () => !descendants.some((mark) => isRunning(mark)), 5_000);
      console.log(`killed without rights: nothing left after ${(performance.now() - began).toFixed(0)} ms`);
    }, 30_000);
  });
