import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, type LabHost } from "./lab.ts";
import { dualHomedPairs, flatLan, grid, line, ring } from "./mesh-shapes.ts";
import { MeshTopology } from "./mesh-topology.ts";

const answers = async (from: LabHost, to: string, count = 1): Promise<number> => {
  const { stdout } = await from.tryRun(["ping", "-c", `${count}`, "-i", "0.002", "-W", "0.3", "-q", to]);
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
};

describeNeeding(LAB_NEEDS, "The laboratory's shapes of meshes", () => {
  const lab = new Lab("shape");
  let pair: MeshTopology;

  beforeAll(async () => {
    await lab.open();
    pair = await MeshTopology.build(lab, dualHomedPairs(2), "p");
  });
  afterEach(() => pair.faults.healAll());
  afterAll(() => lab.close());

  const [first, second] = [0, 1];
  const reach = (segment: number, count?: number) => answers(pair.host(0), pair.address(1, segment), count);

  test("a hundred hosts on one LAN reach each other by IPv4 and by IPv6", async () => {
    const before = performance.now();
    const lan = await MeshTopology.build(lab, flatLan(100), "l");
    console.log(`      100 hosts on one LAN built in ${Math.round(performance.now() - before)} ms`);
    expect(await answers(lan.host(0), lan.address(99))).toBe(1);
    expect(await answers(lan.host(57), "fd00:0:0:1::3")).toBe(1);
  });

  test("in a grid with extra links neighbours reach each other and others do not", async () => {
    const shape = grid(6, 6, 5, seededRandom(1));
    expect(shape.segments).toHaveLength(60 + 5);
    const mesh = await MeshTopology.build(lab, shape, "g");
    for (const [segment, [a, b]] of shape.segments.entries()) {
      if (a === undefined || b === undefined) throw new Error("not a cable");
      expect(await answers(mesh.host(a), mesh.address(b, segment))).toBe(1);
    }
    expect(await answers(mesh.host(0), mesh.address(35))).toBe(0);
  });

  test("a line has ends and a ring has none", () => {
    const ends = (segments: readonly (readonly number[])[]) =>
      [0, 1, 2, 3].filter((host) => segments.flat().filter((member) => member === host).length === 1);
    expect(ends(line(4).segments)).toEqual([0, 3]);
    expect(ends(ring(4).segments)).toEqual([]);
  });

  test("a dual-homed pair reaches each other by both cables, and no other pair", async () => {
    expect([await reach(first), await reach(second)]).toEqual([1, 1]);
    expect(await answers(pair.host(0), pair.address(2))).toBe(0);
  });

  test("an interface set down is one cable less, until it is restored", async () => {
    const restore = await pair.faults.interfaceDown(0, first);
    expect([await reach(first), await reach(second)]).toEqual([0, 1]);
    await restore();
    expect([await reach(first), await answers(pair.host(0), "fd00:0:0:1::2")]).toEqual([1, 1]);
  });

  test("a black hole leaves the link up at both ends", async () => {
    const restore = await pair.faults.blackHole(0, first);
    expect([await reach(first), await reach(second)]).toEqual([0, 1]);
    for (const host of [0, 1]) {
      expect(await pair.host(host).run(["cat", "/sys/class/net/eth0/carrier"])).toBe("1\n");
    }
    await restore();
    expect(await reach(first)).toBe(1);
  });

  test("a cable pulled at the switch is seen by the host that it led to", async () => {
    const restore = await pair.faults.carrierLoss(0, first);
    expect(await pair.host(0).run(["cat", "/sys/class/net/eth0/carrier"])).toBe("0\n");
    expect(await pair.host(1).run(["cat", "/sys/class/net/eth0/carrier"])).toBe("1\n");
    await restore();
    expect(await reach(first)).toBe(1);
  });

  test("loss of 20 % each way lets 64 % of pings be answered", async () => {
    await pair.faults.loss(0, first, 20);
    const answered = (await reach(first, 1000)) / 1000;
    expect(answered).toBeGreaterThan(0.58);
    expect(answered).toBeLessThan(0.7);
  });

  test("a changed address is the only one of the old network until it is restored", async () => {
    const restore = await pair.faults.changeAddress(1, first);
    expect([await reach(first), await answers(pair.host(0), "10.64.0.101")]).toEqual([0, 1]);
    await restore();
    expect([await reach(first), await answers(pair.host(0), "10.64.0.101")]).toEqual([1, 0]);
  });
});
