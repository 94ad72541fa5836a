import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { NatKind } from "../../src/mesh/nat/nat-interface.ts";
import type { RelayQuotas } from "../../src/mesh/tunnels/relay-ruleset.ts";
import type { TunnelStatus } from "../../src/mesh/tunnels/tunnel.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { flatNetwork, internet, type NatRouterKind, type Segment, site } from "./nat-router.ts";
import type { BoxOrder, OpenReport, StreamReport } from "./tunnel-box.ts";
import { TunnelHub } from "./tunnel-hub.ts";

const NEEDS = ["root", "program:nft", "program:wg", "program:wireguard-go", "program:ping"] as const;
const QUOTAS: RelayQuotas = {
  tunnels: 4,
  tunnelsPerPeer: 2,
  kbitEach: 500_000,
  kbitTotal: 1_000_000,
  lifetimeS: 30,
  ports: { first: 40_000, last: 40_999 },
};
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

  describe("across the internet", () => {
    let world: Segment;
    let relayHost: LabHost;
    let sites = 0;

    beforeAll(async () => {
      world = await internet(lab, await lab.host("inet"));
      relayHost = await lab.host("relay");
      await world.plug(relayHost, "eth0", "198.51.100.9");
      await startBox(relayHost, "relay");
      await order("relay", { do: "relay", quotas: QUOTAS });
    });

    /** A box behind a router of its own. */
    async function boxBehind(name: string, kind: NatRouterKind, nat: NatKind, relays = ["relay"]) {
      const number = ++sites;
      const router = await lab.host(`${name}-nat`);
      const inside = await site(lab, router, {
        upstream: world,
        outside: `198.51.100.${20 + number}`,
        network: `10.${number}.1`,
        kind,
      });
      const host = await lab.host(name);
      await inside.plug(host, "eth0", `10.${number}.1.5`);
      const box = await startBox(host, name);
      await order(name, { do: "be", nat, relays });
      return { name, host, router, inside, box };
    }

    async function pair(label: string, a: [NatRouterKind, NatKind], b: [NatRouterKind, NatKind]) {
      const left = await boxBehind(`${label}-a`, ...a);
      const right = await boxBehind(`${label}-b`, ...b);
      await order(right.name, { do: "accept", own: "10.66.0.2", other: "10.66.0.1" });
      const opened = await order<OpenReport>(left.name, {
        do: "open",
        peer: right.name,
        own: "10.66.0.1",
        other: "10.66.0.2",
      });
      await order(right.name, { do: "echo", at: "10.66.0.2" });
      return { left, right, opened };
    }

    const phaseOf = async (name: string) => (await order<TunnelStatus[]>(name, { do: "status" }))[0]?.phase;

    test("two boxes behind symmetric NATs are relayed by the kernel", async () => {
      const { left, right, opened } = await pair(
        "ss",
        ["symmetric", "symmetric"],
        ["symmetric", "symmetric"],
      );
      expect(opened.phase).toBe("relayed");
      console.log(`symmetric to symmetric: up in ${opened.upMs.toFixed(0)} ms`);
      const report = await order<StreamReport>(left.name, {
        do: "stream",
        to: "10.66.0.2",
        forMs: 2000,
        everyMs: 5,
      });
      console.log(
        report,
        await order("relay", { do: "relay-status" }),
        await phaseOf(left.name),
        await phaseOf(right.name),
      );
      console.log(await relayHost.run(["nft", "list", "ruleset"]));
    });

    test("two boxes behind cone NATs leave the relay for a hole through both", async () => {
      const { left, right, opened } = await pair(
        "cc",
        ["port-restricted", "cone"],
        ["port-restricted", "cone"],
      );
      console.log(`cone to cone: up in ${opened.upMs.toFixed(0)} ms, ${opened.phase}`);
      const report = await order<StreamReport>(left.name, {
        do: "stream",
        to: "10.66.0.2",
        forMs: 3000,
        everyMs: 5,
      });
      console.log(report, await phaseOf(left.name), await phaseOf(right.name));
    });
  });
});
