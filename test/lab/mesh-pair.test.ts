import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import { dualHomedPairs } from "./mesh-shapes.ts";
import { MeshTopology } from "./mesh-topology.ts";

describeNeeding(LAB_NEEDS, "Two boxes with two wires between them", () => {
  const lab = new Lab("mpair");
  let pair: MeshTopology;
  let a: MeshBox;
  let b: MeshBox;
  let peerB = "";

  beforeAll(async () => {
    await lab.open();
    pair = await MeshTopology.build(lab, dualHomedPairs(1), "p");
    a = await new MeshBox(lab, pair.host(0), "a", { debug: true }).start();
    b = await new MeshBox(lab, pair.host(1), "b", { debug: true }).start();
    await foundTogether([a, b]);
    await a.connected(1);
    await b.connected(1);
    peerB = await b.peer();
  });
  afterEach(() => pair.faults.healAll());
  afterAll(() => lab.close());

  test("find each other without a default route, and prove both ways", async () => {
    const interfaces = await until("ways by both wires", async () => {
      const [peer] = await a.peers();
      const good = peer?.paths.filter(({ state }) => state === "good") ?? [];
      const names = new Set(good.map((path) => path.interface));
      return names.size >= 2 ? names : undefined;
    });
    expect([...interfaces].sort()).toEqual(["eth0", "eth1"]);
  });

  test("what one sends the other gets", async () => {
    const { heard, end } = await b.listen();
    const { tookMs } = await a.send(peerB, "hello");
    await until("the message", () => heard.length > 0);
    end();
    expect(heard[0]?.body).toBe("hello");
    expect(heard[0]?.from).toBe(await a.peer());
    expect(tookMs).toBeLessThan(1_000);
  });
});
