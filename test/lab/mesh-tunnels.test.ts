import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { flatNetwork } from "./nat-router.ts";
import type { BoxOrder, OpenReport, StreamReport } from "./tunnel-box.ts";
import { TunnelHub } from "./tunnel-hub.ts";

const NEEDS = ["root", "program:nft", "program:wg", "program:wireguard-go", "program:ping"] as const;
/** Of each control message on its way. */
const CONTROL_DELAY_MS = 20;

describeNeeding(NEEDS, "Tunnels between boxes", () => {
  const lab = new Lab("tun");
  let hub: TunnelHub;

  beforeAll(async () => {
    await lab.open();
    hub = new TunnelHub(join(lab.folder, "hub"), CONTROL_DELAY_MS);
    hub.start();
  });
  afterAll(async () => {
    await lab.close();
    hub.stop();
  });

  const order = <T = void>(to: string, what: BoxOrder): Promise<T> => hub.order<T>(to, what);

  async function startBox(host: LabHost, name: string) {
    const box = host.spawn([
      process.execPath,
      join(import.meta.dir, "tunnel-box.ts"),
      name,
      join(lab.folder, "hub"),
      join(lab.folder, name),
    ]);
    await until(`${name} to answer`, () => hub.has(name));
    return box;
  }

  test("two boxes of one network have a direct tunnel at once, and nothing of it is left when one closes it", async () => {
    const lan = await flatNetwork(lab, await lab.host("lan"));
    const [a, b] = [await lab.host("lan-a"), await lab.host("lan-b")];
    await lan.plug(a, "eth0", "192.168.9.10");
    await lan.plug(b, "eth0", "192.168.9.11");
    const boxes = [await startBox(a, "lan-a"), await startBox(b, "lan-b")];
    await order("lan-b", { do: "accept", own: "10.66.0.2", other: "10.66.0.1" });
    const { upMs, phase } = await order<OpenReport>("lan-a", {
      do: "open",
      peer: "lan-b",
      own: "10.66.0.1",
      other: "10.66.0.2",
    });
    expect(phase).toBe("direct");
    await order("lan-b", { do: "echo", at: "10.66.0.2" });
    const report = await order<StreamReport>("lan-a", {
      do: "stream",
      to: "10.66.0.2",
      forMs: 500,
      everyMs: 5,
    });
    expect(report.returned).toBe(report.sent);
    console.log(`one LAN: up in ${upMs.toFixed(0)} ms`);
    await order("lan-a", { do: "close" });
    await until(
      "the other to close",
      async () => (await order<unknown[]>("lan-b", { do: "status" })).length === 0,
    );
    for (const host of [a, b]) {
      await until("no interface", async () => !(await host.run(["ip", "-o", "link"])).includes("omt-"));
      expect(await host.run(["wg", "show", "interfaces"]).catch(() => "")).not.toContain("omt-");
    }
    await Promise.all(boxes.map((box) => box.stop()));
  });
});
