import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { TunnelView } from "../../src/mesh/index.ts";
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
  let patient: Awaited<ReturnType<MeshBox["listen"]>>;
  let patientSinceMs = 0;

  beforeAll(async () => {
    await lab.open();
    pair = await MeshTopology.build(lab, dualHomedPairs(1), "p");
    a = await new MeshBox(lab, pair.host(0), "a", { debug: true }).start();
    b = await new MeshBox(lab, pair.host(1), "b", { debug: true }).start();
    await foundTogether([a, b]);
    await a.connected(1);
    await b.connected(1);
    peerB = await b.peer();
    patient = await b.listen("patience");
    patientSinceMs = performance.now();
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

  test("a tunnel that one welcomes and the other opens carries packets, and survives the loss of its wire", async () => {
    const device = (own: string, other: string) => ({
      addresses: [`${own}/24`],
      allowedIps: [`${other}/32`],
    });
    await b.ask("/v1/tunnels/welcome", { purpose: "lab", device: device("10.66.0.2", "10.66.0.1") });
    const tunnel = await a.ask<TunnelView>("/v1/tunnels", {
      peer: peerB,
      purpose: "lab",
      device: device("10.66.0.1", "10.66.0.2"),
    });
    expect(tunnel.phase).toBe("direct");
    const ping = ["ping", "-c", "1", "-W", "1", "10.66.0.2"];
    expect((await pair.host(0).tryRun(ping)).exitCode).toBe(0);
    const wire = tunnel.endpoint?.address === pair.address(1, 0) ? 0 : 1;
    await pair.faults.blackHole(0, wire);
    const startedMs = performance.now();
    await until(
      "packets to pass again",
      async () => (await pair.host(0).tryRun(ping)).exitCode === 0,
      20_000,
    );
    console.log(
      `      a tunnel's black hole: packets again after ${Math.round(performance.now() - startedMs)} ms`,
    );
    await a.ask(`/v1/tunnels/${tunnel.id}`, undefined, "DELETE");
    await until(
      "the other end to be gone",
      async () => (await b.ask<TunnelView[]>("/v1/tunnels")).length === 0,
    );
    expect((await pair.host(1).tryRun(["ip", "-o", "link", "show"])).stdout).not.toContain("omt-");
  });

  test("a tunnel that nobody welcomes is refused, and leaves nothing", async () => {
    const request = {
      peer: peerB,
      purpose: "no",
      device: { addresses: ["10.67.0.1/24"], allowedIps: ["10.67.0.2/32"] },
    };
    await expect(a.ask("/v1/tunnels", request)).rejects.toThrow("refused");
    await until("nothing to be left", async () => (await a.ask<TunnelView[]>("/v1/tunnels")).length === 0);
  });

  test("who listens waits for as long as it takes", async () => {
    // Longer than any other idle connection is kept (src/host/socket-server.ts).
    await Bun.sleep(Math.max(0, 13_000 - (performance.now() - patientSinceMs)));
    expect(patient.heard).toEqual([]);
    await a.send(peerB, "at last", { channel: "patience" });
    await until("the message", () => patient.heard.length > 0);
    patient.end();
    expect(patient.heard[0]?.body).toBe("at last");
  }, 20_000);

  test("what a program asks for wrongly is named", async () => {
    await expect(a.ask("/v1/send", { peer: peerB, channel: "Lab!", body: "" })).rejects.toThrow("channel: ");
    await expect(a.send("nobody", "x")).rejects.toThrow("peer: ");
    await expect(a.send(peerB, "x", { network: "other" })).rejects.toThrow("network: other");
    await expect(a.join("omerta://invite/AAAA")).rejects.toThrow("link");
    expect(
      a.ask("/v1/tunnels", { peer: peerB, device: { addresses: ["here"], allowedIps: [] } }),
    ).rejects.toThrow("device.addresses.0");
  });
});
