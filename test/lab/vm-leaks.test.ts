import { afterAll, beforeAll, expect, test } from "bun:test";
import { run } from "../../src/host/run.ts";
import type { EgressRequest } from "../../src/vm/egress/index.ts";
import { describeNeeding } from "../needs.ts";
import type { LabHost } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { ADDRESSES, EgressLab, TapGuest } from "./vm-egress-lab.ts";
import { tcpFrame, udpFrame } from "./vm-frames.ts";
import { INWARD_CASES, LEAK_CASES, markOf } from "./vm-leak-cases.ts";
import { countedWrong, hasMark } from "./vm-leak-verdicts.ts";
import { Sniffer } from "./vm-sniffer.ts";

const LEASE = "c1c2c3d4e5f60718293a4b5c6d7e8f90";
const OTHER = "d1d2c3d4e5f60718293a4b5c6d7e8f90";
const LIMITS = { upKbit: undefined, downKbit: undefined, newConnectionsPerS: 1_000 };

/** How the tunnel is while all is tried; in this order. */
const STATES = ["connecting", "connected", "unreachable", "peer gone", "tunnel gone", "rules gone"] as const;
type State = (typeof STATES)[number];

describeNeeding(
  ["root", "program:nft", "program:wg", "program:wireguard-go", "program:tcpdump", "program:curl"],
  "What a virtual machine tries besides its tunnel",
  () => {
    const net = new EgressLab("vmlk");
    let guest: TapGuest;
    let other: TapGuest;
    let system: LabHost;
    let otherSystem: LabHost;
    let request: EgressRequest;
    let publicKey: string;
    /** Case, then state: what was wrong, or nothing. */
    const verdicts = new Map<string, Map<State, string>>();

    beforeAll(async () => {
      await net.open();
      [system, otherSystem] = (await net.lab.manyHosts(["guest", "other"])) as [LabHost, LabHost];
      // What a system sends by itself would be counted with what is tried here.
      for (const host of [system, otherSystem])
        await host.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"]);
      ({ request, publicKey } = await net.request(LEASE, { limits: LIMITS }));
      await net.call("up", request);
      guest = await TapGuest.open(net, LEASE, system);
      await net.call("attach", request);

      const second = await net.request(OTHER, { limits: LIMITS });
      second.request.tunnel.address = ADDRESSES.otherMachine;
      await net.admit(second.publicKey, ADDRESSES.otherMachine);
      await net.call("up", second.request);
      other = await TapGuest.open(net, OTHER, otherSystem);
      await net.call("attach", second.request);
      await net.handshake(second.publicKey);
    }, 120_000);
    afterAll(async () => {
      await guest?.end();
      await other?.end();
      await net.close();
      report(verdicts);
    }, 60_000);

    /** Interfaces on which nothing of the machine's may be seen. */
    const outside = (): Promise<Sniffer[]> =>
      Promise.all([
        Sniffer.listen("uplink", net.internet, "box"),
        Sniffer.listen("LAN", net.lan, "eth0"),
        Sniffer.listen("box", net.box, "any"),
        Sniffer.listen("other machine", otherSystem, "eth0"),
      ]);
    const sendText = (host: LabHost, address: string, text: string) =>
      host.tryRun(["bash", "-c", `printf %s '${text}' > /dev/udp/${address}/9`]);
    /** Something that does pass each of these interfaces: whoever has seen it was listening all the time. */
    const passEverywhere = async (text: string): Promise<void> => {
      const frame = Buffer.from(udpFrame("192.0.2.1", 9, text)).toString("hex");
      for (const device of ["eth0", "lan0"]) await net.call("leak", { device, frames: [frame] });
      await sendText(otherSystem, ADDRESSES.requesterInside, text);
      await sendText(net.requester, "10.99.0.200", text);
    };

    const enter: Record<State, () => Promise<void>> = {
      connecting: async () => undefined,
      connected: async () => {
        await net.admit(publicKey);
        await net.handshake(publicKey);
      },
      unreachable: () => net.internet.run(["ip", "link", "set", "req", "down"]).then(() => undefined),
      "peer gone": async () => {
        await net.internet.run(["ip", "link", "set", "req", "up"]);
        await net.expel(publicKey);
      },
      "tunnel gone": () => net.killTunnel(LEASE),
      // What is left then is that there is no other way.
      "rules gone": () => run(net.onMachine(LEASE, "nft", "flush", "ruleset")).then(() => undefined),
    };

    test("the sniffers see each of these frames where it does leak, and what comes to a machine", async () => {
      const wires = await outside();
      const own = await Sniffer.listen("machine", system, "eth0");
      await net.admit(publicKey);
      await net.handshake(publicKey);
      for (const device of ["eth0", "lan0"]) {
        const frames = LEAK_CASES.flatMap(({ name, frames }) => frames(markOf(name, `control ${device}`)));
        await net.call("leak", { device, frames: frames.map((frame) => Buffer.from(frame).toString("hex")) });
      }
      await sendText(net.requester, ADDRESSES.machine, markOf("inward", "control"));
      await sendText(net.requester, ADDRESSES.otherMachine, markOf("inward", "control other"));
      await own.stopAfter(markOf("inward", "control"));
      await passEverywhere("the end of the control");
      const seen = new Map(
        await Promise.all(
          wires.map(async (wire) => [wire.name, await wire.stopAfter("the end of the control")] as const),
        ),
      );
      const missing = LEAK_CASES.filter(hasMark).flatMap(({ name }) =>
        (
          [
            ["uplink", "control eth0"],
            ["LAN", "control lan0"],
            ["box", "control eth0"],
            ["box", "control lan0"],
          ] as const
        )
          .filter(([wire, state]) => !seen.get(wire)?.includes(markOf(name, state)))
          .map(([wire]) => `${name} on ${wire}`),
      );
      expect(missing).toEqual([]);
      expect(seen.get("other machine")?.includes(markOf("inward", "control other"))).toBe(true);
      await net.expel(publicKey);
    }, 120_000);

    test.each(STATES)(
      "is not seen anywhere, and is counted for what it is: %s",
      async (state) => {
        await enter[state]();
        const wires = await outside();
        const inside = await Sniffer.listen("tunnel", net.requester, net.requesterDevice);
        const counted = new Map<string, string>();
        const look = async () => (state === "rules gone" ? undefined : await net.traffic(LEASE));
        let before = await look();
        for (const leak of LEAK_CASES) {
          await guest.send(leak.frames(markOf(leak.name, state)));
          const after = await look();
          if (before && after) counted.set(leak.name, countedWrong(leak, before, after));
          before = after;
        }
        await passEverywhere(`the end of ${state}`);
        const seen = await Promise.all(
          wires.map(async (wire) => ({
            name: wire.name,
            bytes: await wire.stopAfter(`the end of ${state}`),
          })),
        );
        const atRequester = await inside.stopAfter(`the end of ${state}`);
        for (const { name, fate, frames } of LEAK_CASES) {
          const mark = markOf(name, state);
          const leaks = seen
            .filter(({ bytes }) => bytes.includes(mark))
            .map((wire) => `seen on ${wire.name}`);
          const carried = atRequester.includes(mark);
          if (fate === "tunnel" && state === "connected" && !carried) leaks.push("not carried");
          if (fate !== "tunnel" && carried && frames.length > 0) leaks.push("seen in the tunnel");
          const wrong = [...leaks, counted.get(name) ?? ""].filter((text) => text !== "").join(", ");
          const row = verdicts.get(name) ?? new Map<State, string>();
          verdicts.set(name, row.set(state, wrong));
        }
        const failed = [...verdicts].flatMap(([name, row]) =>
          row.get(state) ? [`${name}: ${row.get(state)}`] : [],
        );
        expect(failed).toEqual([]);
      },
      300_000,
    );

    test("comes in by no other way than the tunnel either", async () => {
      const own = await Sniffer.listen("machine", otherSystem, "eth0");
      const macOf = async (device: string) =>
        (await net.box.run(["cat", `/sys/class/net/${device}/address`])).trim();
      const ways = [
        { way: "LAN", from: net.lan, device: "eth0", to: await macOf("lan0") },
        { way: "uplink", from: net.requester, device: "eth0", to: await macOf("eth0") },
      ];
      for (const { way, from, device, to } of ways) {
        const frames = INWARD_CASES.map(({ name, frame }) => frame(markOf(name, way), to));
        const sender = Bun.spawn(
          from.command([
            process.execPath,
            `${import.meta.dir}/vm-frame-sender.ts`,
            device,
            ...frames.map((one) => Buffer.from(one).toString("hex")),
          ]),
          { stdout: "pipe", stderr: "inherit" },
        );
        expect(await sender.exited).toBe(0);
      }
      await passEverywhere("the end of what comes in");
      const bytes = await own.stopAfter("the end of what comes in");
      const came = ways.flatMap(({ way }) =>
        INWARD_CASES.filter(({ name }) => bytes.includes(markOf(name, way))).map(
          ({ name }) => `${name} from ${way}`,
        ),
      );
      expect(came).toEqual([]);
    }, 120_000);

    test("finds none of the box's ports open", async () => {
      const wires = await outside();
      const before = await net.traffic(OTHER);
      for (const address of [ADDRESSES.box, ADDRESSES.boxOnLan, "10.0.2.2"]) {
        for (let first = 1; first <= 65_535; first += 4_096) {
          const ports = Array.from({ length: Math.min(4_096, 65_536 - first) }, (_, index) => first + index);
          await other.send(ports.map((port) => tcpFrame(address, port, "port scan")));
        }
      }
      const after = await net.traffic(OTHER);
      expect(after.rogue.destination - before.rogue.destination).toBe(3 * 65_535);
      await passEverywhere("the end of the ports");
      for (const wire of wires) {
        const bytes = await wire.stopAfter("the end of the ports");
        // The other machine's own wire is not where its liar sends.
        expect(bytes.includes("port scan")).toBe(false);
      }
    }, 120_000);

    test("floods neither the box's table of connections nor its own, and what the box serves stays up", async () => {
      const web = withNetworkOf(net.box, () =>
        Bun.serve({ hostname: ADDRESSES.boxOnLan, port: 8_080, fetch: () => new Response("portal") }),
      );
      const portal = async () => {
        const beganMs = performance.now();
        const text = await net.lan.run(["curl", "-s", "-m", "10", `http://${ADDRESSES.boxOnLan}:8080/`]);
        return { text, ms: performance.now() - beganMs };
      };
      const calm = await portal();
      const before = await net.traffic(OTHER);
      const flooding = (async () => {
        for (let round = 0; round < 10; round += 1) {
          await other.send(
            Array.from({ length: 5_000 }, (_, index) =>
              tcpFrame(`203.0.113.${1 + (index % 250)}`, 1 + (index % 60_000), "flood", {
                from: 1_024 + round * 5_000 + index,
              }),
            ),
          );
        }
      })();
      const busy = await portal();
      await flooding;
      const entries = async (command: string[]) => Number((await run(command)).trim());
      const file = "/proc/sys/net/netfilter/nf_conntrack_count";
      const own = await entries(net.onMachine(OTHER, "cat", file));
      const boxes = await entries(net.onBox("cat", file));
      const { rogue } = await net.traffic(OTHER);
      web.stop(true);
      console.log(
        `      flood of 50,000: ${rogue.flood - before.rogue.flood} refused, ${own} tracked, ${boxes} by the box; its portal ${Math.round(calm.ms)} ms before, ${Math.round(busy.ms)} ms meanwhile`,
      );
      expect([calm.text, busy.text]).toEqual(["portal", "portal"]);
      expect(rogue.flood - before.rogue.flood).toBeGreaterThan(10_000);
      expect(own).toBeLessThanOrEqual(4_096);
      expect(boxes).toBeLessThan(200);
    }, 120_000);
  },
);

function report(verdicts: ReadonlyMap<string, ReadonlyMap<State, string>>): void {
  const columns = STATES.map((state) => state.padEnd(12)).join("");
  console.log(`      ${"".padEnd(42)}${"fate".padEnd(13)}${columns}`);
  for (const { name, fate } of LEAK_CASES) {
    const row = verdicts.get(name);
    const cells = STATES.map((state) => {
      const wrong = row?.get(state);
      return (wrong === undefined ? "not tried" : wrong === "" ? "tight" : "LEAK").padEnd(12);
    });
    console.log(`      ${name.padEnd(42)}${fate.padEnd(13)}${cells.join("")}`);
  }
}
