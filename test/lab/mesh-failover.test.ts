import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import { dualHomedPairs } from "./mesh-shapes.ts";
import { MeshTopology } from "./mesh-topology.ts";
import { SteadyTraffic, type TrafficReport } from "./steady-traffic.ts";

describeNeeding(LAB_NEEDS, "A pair with two wires, of which one fails", () => {
  const lab = new Lab("mfail");
  let pair: MeshTopology;
  let a: MeshBox;
  let b: MeshBox;

  beforeAll(async () => {
    await lab.open();
    pair = await MeshTopology.build(lab, dualHomedPairs(1), "p");
    a = await new MeshBox(lab, pair.host(0), "a").start();
    b = await new MeshBox(lab, pair.host(1), "b").start();
    await foundTogether([a, b]);
  });
  afterEach(() => pair.faults.healAll());
  afterAll(() => lab.close());

  /** The number of the wire that control traffic takes now, once both work. */
  async function chosenWire(): Promise<number> {
    const name = await until(
      "both wires to work",
      async () => {
        const [peer] = await a.peers();
        const good = peer?.paths.filter(({ state, target }) => state === "good" && target.by === "udp") ?? [];
        if (new Set(good.map((path) => path.interface)).size < 2) return undefined;
        return good.find(({ chosen }) => chosen)?.interface;
      },
      30_000,
    );
    return name === "eth0" ? 0 : 1;
  }

  async function during(
    what: string,
    fault: (wire: number) => Promise<unknown>,
    forMs: number,
  ): Promise<TrafficReport> {
    const wire = await chosenWire();
    const traffic = await SteadyTraffic.begin(a, b);
    await Bun.sleep(1_500);
    await fault(wire);
    await Bun.sleep(forMs);
    const report = await traffic.stop();
    console.log(
      `      ${what.padEnd(34)} nothing arrived for ${String(report.gapMs).padStart(5)} ms, the slowest took ${String(report.longestMs).padStart(5)} ms, ${report.heard} of ${report.sent} arrived`,
    );
    expect(report.failed).toBe(0);
    expect(report.twice).toBe(0);
    expect(report.heard).toBe(report.sent);
    return report;
  }

  test("its own interface is set down: under a second", async () => {
    const { longestMs } = await during(
      "interface down here",
      (wire) => pair.faults.interfaceDown(0, wire),
      4_000,
    );
    expect(longestMs).toBeLessThan(1_000);
  });

  test("the other's interface is set down: the carrier goes there alone, under 2.5 s", async () => {
    const { longestMs } = await during(
      "interface down there",
      (wire) => pair.faults.interfaceDown(1, wire),
      4_000,
    );
    expect(longestMs).toBeLessThan(2_500);
  });

  test("the cable is pulled out of its own end: under a second", async () => {
    const { longestMs } = await during("carrier loss", (wire) => pair.faults.carrierLoss(0, wire), 4_000);
    expect(longestMs).toBeLessThan(1_000);
  });

  test("a black hole that no link reports: under 2.5 s", async () => {
    const { longestMs } = await during("black hole", (wire) => pair.faults.blackHole(0, wire), 5_000);
    expect(longestMs).toBeLessThan(2_500);
  });

  test("a fifth of the packets is lost: messages go on", async () => {
    const { longestMs } = await during("20 % loss", (wire) => pair.faults.loss(0, wire, 20), 6_000);
    expect(longestMs).toBeLessThan(2_500);
  });

  test("another address: messages go on", async () => {
    const { longestMs } = await during("address change", (wire) => pair.faults.changeAddress(0, wire), 5_000);
    expect(longestMs).toBeLessThan(2_500);
  });

  test("it goes back to the better wire once that is stable again", async () => {
    const wire = await chosenWire();
    const restore = await pair.faults.blackHole(0, wire);
    await until("the other wire to be taken", async () => {
      const [peer] = await a.peers();
      return peer?.paths.find(({ chosen }) => chosen)?.interface === `eth${1 - wire}`;
    });
    await restore();
    await chosenWire();
    // Both are wires alike, so either may stay; both are to be proven again.
    const [peer] = await a.peers();
    const good = peer?.paths.filter(({ state, target }) => state === "good" && target.by === "udp") ?? [];
    expect(new Set(good.map((path) => path.interface))).toEqual(new Set(["eth0", "eth1"]));
  });

  test("both wires are dead for a while: it goes on within 2.5 s of the first that returns", async () => {
    await chosenWire();
    const restores = [await pair.faults.blackHole(0, 0), await pair.faults.blackHole(0, 1)];
    await Bun.sleep(45_000);
    const { heard, end } = await b.listen("back");
    const peer = await b.peer();
    await restores[1]?.();
    const startedMs = performance.now();
    await a.send(peer, "back again", { channel: "back", timeoutMs: 10_000 });
    await until("the message", () => heard.length > 0);
    end();
    const tookMs = (heard[0]?.atMs ?? Number.POSITIVE_INFINITY) - startedMs;
    console.log(
      `      both dead for 45 s                  back ${Math.round(tookMs)} ms after the first wire`,
    );
    expect(tookMs).toBeLessThan(2_500);
  });
});
