import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { foundTogether, MeshBox, residentMib } from "./mesh-box.ts";
import type { LiarPlan, LiarReport } from "./mesh-liar.ts";
import { internet, type Segment, site } from "./nat-router.ts";
import { SteadyTraffic } from "./steady-traffic.ts";

const LIAR = join(import.meta.dir, "mesh-liar.ts");
const NAMES = ["a", "b", "c"] as const;

/** Counts what arrives at an address of a host. */
async function countArrivals(
  host: LabHost,
  address: string,
): Promise<() => Promise<{ tcp: number; udp: number; bytes: number }>> {
  await host.run(["nft", "-f", "-"], {
    input: `table inet count {
      counter of-tcp {}
      counter of-udp {}
      chain input {
        type filter hook input priority -300;
        ip daddr ${address} meta l4proto tcp counter name of-tcp
        ip daddr ${address} meta l4proto udp counter name of-udp
      }
    }`,
  });
  return async () => {
    const text = await host.run(["nft", "-j", "list", "counters"]);
    const { nftables } = JSON.parse(text) as {
      nftables: { counter?: { name: string; packets: number; bytes: number } }[];
    };
    const of = (name: string) =>
      nftables.flatMap(({ counter }) => (counter?.name === name ? [counter] : []))[0];
    return {
      tcp: of("of-tcp")?.packets ?? 0,
      udp: of("of-udp")?.packets ?? 0,
      bytes: (of("of-tcp")?.bytes ?? 0) + (of("of-udp")?.bytes ?? 0),
    };
  };
}

describeNeeding(LAB_NEEDS, "A member that means harm", () => {
  const lab = new Lab("mliar");
  let boxes: MeshBox[] = [];
  let liarHost: LabHost;
  let victims: { beyond: LabHost; onLink: LabHost };
  const at = (index: number): MeshBox => {
    const found = boxes[index];
    if (!found) throw new Error(`boxes[${index}]: not there`);
    return found;
  };
  const BEYOND = "198.51.100.99";
  const ON_LINK = "10.1.1.99";

  beforeAll(async () => {
    await lab.open();
    const net: Segment = await internet(lab, await lab.host("inet"));
    const home = await site(lab, await lab.host("router"), {
      upstream: net,
      outside: "198.51.100.21",
      network: "10.1.1",
      kind: "port-restricted",
    });
    victims = { beyond: await lab.host("beyond"), onLink: await lab.host("onlink") };
    await net.plug(victims.beyond, "eth0", BEYOND);
    await home.plug(victims.onLink, "eth0", ON_LINK);
    liarHost = await lab.host("liar");
    await home.plug(liarHost, "eth0", "10.1.1.66");
    boxes = await Promise.all(
      NAMES.map(async (name, index) => {
        const host = await lab.host(name);
        await home.plug(host, "eth0", `10.1.1.${index + 5}`);
        return new MeshBox(lab, host, name).start();
      }),
    );
    await foundTogether(boxes);
    for (const box of boxes) await box.connected(2);
  }, 60_000);
  afterAll(() => lab.close(), 30_000);

  async function misbehave(does: LiarPlan["does"], victim: string, forMs: number): Promise<LiarReport> {
    const peers = await Promise.all(
      boxes.map(async (box, index) => {
        const { self, ports } = await box.network();
        const ip = `10.1.1.${index + 5}`;
        return {
          peer: self.peer,
          address: `/ip4/${ip}/tcp/${ports?.tcp}`,
          endpoint: { address: ip, port: ports?.udp ?? 0 },
        };
      }),
    );
    const link = await at(0).invite();
    const plan: LiarPlan = { folder: join(lab.folder, `liar-${victim}`), link, peers, does, victim, forMs };
    const command = [process.execPath, LIAR, JSON.stringify(plan)];
    return JSON.parse(await liarHost.run(command, { timeoutMs: forMs + 30_000 })) as LiarReport;
  }

  const LIE_MS = 9_000;
  test.each([
    ["beyond the router", BEYOND],
    ["on the boxes' own link", ON_LINK],
  ])(
    "makes nobody hammer a victim %s, which it says that it is",
    async (where, victim) => {
      const arrived = await countArrivals(victim === BEYOND ? victims.beyond : victims.onLink, victim);
      const report = await misbehave("lies", victim, LIE_MS);
      const whileLying = await arrived();
      expect(report.connected).toBe(3);
      expect(report.published).toBeGreaterThan(5);
      // It was listened to.
      for (const box of boxes) expect((await box.peers()).map(({ peer }) => peer)).toContain(report.peer);
      // The liar is gone, and the others look for it.
      await Bun.sleep(LIE_MS);
      const afterwards = await arrived();
      const rate = (packets: number): number => Math.round((packets / 3 / (LIE_MS / 1_000)) * 10) / 10;
      const [lying, gone] = [
        whileLying.tcp + whileLying.udp,
        afterwards.tcp + afterwards.udp - whileLying.tcp - whileLying.udp,
      ];
      console.log(
        `      ${where}: ${whileLying.tcp} TCP and ${whileLying.udp} UDP packets while it lied (${rate(lying)} a second from each box), ${afterwards.tcp - whileLying.tcp} and ${afterwards.udp - whileLying.udp} after it had gone (${rate(gone)}); ${afterwards.bytes} bytes in all; ${report.records} lies`,
      );
      expect(rate(lying)).toBeLessThan(30);
      expect(rate(gone)).toBeLessThan(10);
      await until("the others to be as they were", async () => (await at(1).network()).connected === 2);
    },
    90_000,
  );

  test("floods the others with messages, records, garbage and streams, and they go on", async () => {
    const before = boxes.map(({ pid }) => residentMib(pid));
    const traffic = await SteadyTraffic.begin(at(1), at(2));
    const report = await misbehave("floods", BEYOND, 10_000);
    const messages = await traffic.stop();
    const after = boxes.map(({ pid }) => residentMib(pid));
    console.log(
      `      ${report.published} published, ${report.messages} messages, ${report.streams} streams; messages of others: slowest ${messages.longestMs} ms, ${messages.heard} of ${messages.sent}; memory ${before.map(Math.round).join(", ")} to ${after.map(Math.round).join(", ")} MiB`,
    );
    expect(messages).toMatchObject({ failed: 0, twice: 0, heard: messages.sent });
    expect(messages.longestMs).toBeLessThan(8_000);
    for (const [index, mib] of after.entries()) expect(mib - (before[index] ?? 0)).toBeLessThan(200);
  }, 60_000);
});
