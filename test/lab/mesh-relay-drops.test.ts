import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import { internet, site } from "./nat-router.ts";
import { SteadyTraffic, type TrafficReport } from "./steady-traffic.ts";

/** What a relay does to what it carries. */
const FAULTS = {
  /** Its own proofs and answers are shorter than anything that it carries, be it as datagrams or in circuits. */
  "drops what it forwards": "meta length > 106 drop",
  "says nothing any more": "drop",
};

/** What goes to the router in front of d. */
const COUNTER = `table inet watch {
  counter to-d {}
  chain out {
    type filter hook output priority -10
    ip daddr 198.51.100.24 counter name to-d
  }
}
`;

describeNeeding(
  LAB_NEEDS,
  "Two boxes behind NATs that no hole goes through, and two that relay for them",
  () => {
    const lab = new Lab("mrdrop");
    const relays = new Map<string, { host: LabHost; box: MeshBox; peer: string }>();
    let c: MeshBox;
    let d: MeshBox;

    beforeAll(async () => {
      await lab.open();
      const net = await internet(lab, await lab.host("inet"));
      const made: MeshBox[] = [];
      for (const [index, name] of ["r1", "r2"].entries()) {
        const host = await lab.host(name);
        await net.plug(host, "eth0", `198.51.100.${10 + index}`);
        await host.run(["nft", "-f", "-"], { input: COUNTER });
        made.push(new MeshBox(lab, host, name));
      }
      for (const [index, name] of ["c", "d"].entries()) {
        const inside = await site(lab, await lab.host(`router-${name}`), {
          upstream: net,
          outside: `198.51.100.${23 + index}`,
          network: `10.1.${3 + index}`,
          kind: "symmetric",
        });
        const host = await lab.host(name);
        await inside.plug(host, "eth0", `10.1.${3 + index}.5`);
        made.push(new MeshBox(lab, host, name));
      }
      await Promise.all(made.map((box) => box.start()));
      await foundTogether(made);
      const [r1, r2, first, second] = made;
      if (!r1 || !r2 || !first || !second) throw new Error("no boxes");
      [c, d] = [first, second];
      for (const box of [r1, r2]) relays.set(box.name, { host: box.host, box, peer: await box.peer() });
      for (const box of made) await box.connected(3, 40_000);
    }, 90_000);
    afterAll(() => lab.close(), 30_000);

    const toD = async () => (await c.peers()).find(({ name }) => name === "d");
    const isRelayed = async (): Promise<boolean> =>
      ((await toD())?.paths ?? []).filter(({ target, state }) => state === "good" && target.by === "relay")
        .length >= relays.size;
    /** Bytes that a relay has sent to d since it was first asked. */
    const sentToD = async (host: LabHost): Promise<number> => {
      const listed = await host.run(["nft", "-j", "list", "counter", "inet", "watch", "to-d"]);
      return Number(/"bytes": (\d+)/.exec(listed)?.[1] ?? 0);
    };
    /** The relay by which messages go to d now; where it is a circuit's, the one that sends there more. */
    const carrying = async (): Promise<string> => {
      const target = (await toD())?.paths.find(({ chosen }) => chosen)?.target;
      for (const [name, { peer }] of relays) if (target?.by === "relay" && target.relay === peer) return name;
      const measure = () =>
        Promise.all([...relays].map(async ([name, { host }]) => ({ name, bytes: await sentToD(host) })));
      const before = await measure();
      await Bun.sleep(2_000);
      const rates = (await measure()).map(({ name, bytes }, index) => ({
        name,
        bytes: bytes - (before[index]?.bytes ?? 0),
      }));
      rates.sort((one, other) => other.bytes - one.bytes);
      return rates[0]?.name ?? "";
    };
    const fault = async (name: string, rule: string): Promise<() => Promise<void>> => {
      const { host } = relays.get(name) ?? {};
      if (!host) throw new Error(`${name}: no such relay`);
      await host.run(["nft", "-f", "-"], {
        input: `table inet fault {\n chain out {\n type filter hook output priority 0\n ${rule}\n }\n}\n`,
      });
      return async () => void (await host.run(["nft", "delete", "table", "inet", "fault"]));
    };

    const told = (what: string, { longestMs, gapMs, heard, sent }: TrafficReport): void =>
      console.log(
        `      ${what.padEnd(36)} slowest ${longestMs} ms, gap ${gapMs} ms, ${heard} of ${sent} arrived`,
      );

    test.each(Object.entries(FAULTS))(
      "a relay that %s is left for the other",
      async (what, rule) => {
        await until("both relays to be proven", isRelayed, 60_000);
        const traffic = await SteadyTraffic.begin(c, d);
        await Bun.sleep(1_000);
        const chosen = await carrying();
        const restore = await fault(chosen, rule);
        await Bun.sleep(8_000);
        const peer = await toD();
        await restore();
        const report = await traffic.stop();
        told(`${chosen} ${what}`, report);
        expect(report).toMatchObject({ failed: 0, twice: 0, heard: report.sent });
        expect(report.longestMs).toBeLessThan(6_000);
        expect(peer?.paths.some((path) => path.chosen && path.state === "good")).toBe(true);
      },
      90_000,
    );

    test("when neither passes anything on, it is said in time, and goes on soon after one does again", async () => {
      const restores = await Promise.all(
        [...relays.keys()].map((name) => fault(name, FAULTS["says nothing any more"])),
      );
      await until(
        "d to count as lost",
        async () => !(await toD())?.paths.some(({ state }) => state === "good"),
        20_000,
      );
      const startedMs = performance.now();
      await expect(c.send(await d.peer(), "are you there?", { timeoutMs: 4_000 })).rejects.toThrow(
        /timeout|unknown peer/,
      );
      expect(performance.now() - startedMs).toBeLessThan(15_000);
      await Bun.sleep(5_000);
      const { heard, end } = await d.listen("back");
      await restores[0]?.();
      const healedMs = performance.now();
      await until(
        "a message to arrive",
        async () => {
          await c.send(await d.peer(), "back", { channel: "back", timeoutMs: 2_000 }).catch(() => undefined);
          return heard.length > 0;
        },
        45_000,
      );
      end();
      console.log(
        `      one relay is back: the first message arrived ${Math.round(performance.now() - healedMs)} ms after it`,
      );
      await restores[1]?.();
    }, 90_000);
  },
);
