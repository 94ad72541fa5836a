import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab } from "./lab.ts";
import { ATTACKS, type Attack, type AttackPlan, type AttackReport } from "./mesh-attacker.ts";
import { foundTogether, MeshBox, residentMib } from "./mesh-box.ts";
import { flatLan } from "./mesh-shapes.ts";
import { MeshTopology } from "./mesh-topology.ts";
import { SteadyTraffic } from "./steady-traffic.ts";

const ATTACKER = join(import.meta.dir, "mesh-attacker.ts");
const ATTACK_MS = 5_000;
/** What an attack may cost of memory, for good: what Bun has once taken from the system it seldom gives back. */
const MOST_GROWTH_MIB = 120;

describeNeeding(LAB_NEEDS, "Boxes whose link is shared with an attacker", () => {
  const lab = new Lab("mabuse");
  let lan: MeshTopology;
  let boxes: MeshBox[] = [];
  const at = (index: number): MeshBox => {
    const found = boxes[index];
    if (!found) throw new Error(`boxes[${index}]: not there`);
    return found;
  };

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(6), "x");
    boxes = ["a", "b", "c", "d", "e"].map((name, index) => new MeshBox(lab, lan.host(index), name));
    await Promise.all(boxes.slice(0, 3).map((box) => box.start()));
    await foundTogether(boxes.slice(0, 3));
    for (const box of boxes.slice(0, 3)) await box.connected(2);
  }, 60_000);
  afterAll(() => lab.close(), 30_000);

  async function attack(kind: Attack): Promise<AttackReport> {
    const { ports } = await at(0).network();
    if (!ports) throw new Error("no ports");
    const plan: AttackPlan = {
      attack: kind,
      ip: lan.address(0),
      own: lan.address(5),
      ports,
      forMs: ATTACK_MS,
    };
    const command = [process.execPath, ATTACKER, JSON.stringify(plan)];
    return JSON.parse(await lan.host(5).run(command, { timeoutMs: 60_000 })) as AttackReport;
  }

  test.each(ATTACKS)(
    "go on while one of them is attacked: %s",
    async (kind) => {
      const before = residentMib(at(0).pid);
      const traffic = await SteadyTraffic.begin(at(1), at(0));
      const { connected, closed, bytesSent, datagramsSent, bytesGot } = await attack(kind);
      const report = await traffic.stop();
      const after = residentMib(at(0).pid);
      console.log(
        `      ${kind.padEnd(9)} ${connected} connections (${closed} closed), ${datagramsSent} datagrams, ${Math.round(bytesSent / 1024)} KiB sent, ${bytesGot} bytes got; ` +
          `messages: slowest ${report.longestMs} ms, ${report.heard} of ${report.sent}; memory ${Math.round(before)} to ${Math.round(after)} MiB`,
      );
      expect(report).toMatchObject({ failed: 0, heard: report.sent, twice: 0 });
      expect(report.longestMs).toBeLessThan(5_000);
      expect(connected + datagramsSent).toBeGreaterThan(10);
      expect(after - before).toBeLessThan(MOST_GROWTH_MIB);
      expect(await at(0).network()).toMatchObject({ connected: 2 });
    },
    60_000,
  );

  test("and take new members while 500 connections stand about", async () => {
    const link = await at(0).invite();
    const attacking = attack("crowd");
    await Bun.sleep(1_000);
    const newcomer = await at(3).start();
    await newcomer.join(link);
    const startedMs = performance.now();
    await newcomer.connected(3, 30_000);
    console.log(
      `      a newcomer was connected with all three after ${Math.round(performance.now() - startedMs)} ms`,
    );
    await attacking;
  }, 60_000);
});
