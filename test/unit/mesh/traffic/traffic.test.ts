import { describe, expect, test } from "bun:test";
import { traffic as trafficConfig } from "../../../../src/config/traffic-schema.ts";
import type { RunOptions, RunResult } from "../../../../src/host/run.ts";
import { Traffic } from "../../../../src/mesh/traffic/traffic.ts";
import { capturedLog } from "../../captured-log.ts";

/** A machine whose programs remember what they were told; it has HTB, TBF and bands. */
class Machine {
  readonly batches: string[] = [];
  readonly roots = new Map<string, { kind: string; handle: string }>([
    ["eth0", { kind: "mq", handle: "0:" }],
  ]);
  classes = 0;
  table = false;
  refusal = "";
  counters = "";

  readonly run = async (command: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const text = command.join(" ");
    const say = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });
    const fail = (stderr: string) => ({ exitCode: 2, stdout: "", stderr });
    if (text.includes("root cake") || text.includes("root fq_codel")) return fail("unknown qdisc");
    if (text.startsWith("nft -j list counters")) return say(this.counters);
    if (text === "nft list tables") return say(this.table ? "table inet omerta_traffic\n" : "");
    if (text === "nft -j -f -") {
      const { nftables } = JSON.parse(options.input ?? "") as { nftables: object[] };
      if ("add" in (nftables[0] ?? {})) this.table = nftables.length > 2;
      this.batches.push(`nft ${nftables.length}`);
      return say("");
    }
    const shown = /^tc -j qdisc show dev (\S+)$/.exec(text)?.[1];
    if (shown !== undefined) {
      const root = this.roots.get(shown);
      return root === undefined ? fail("Cannot find device") : say(JSON.stringify([{ ...root, root: true }]));
    }
    if (text.startsWith("tc -s class show")) {
      return say(Array.from({ length: this.classes }, (_, n) => `class htb 1:20${n} parent 1:1 \n`).join(""));
    }
    if (text === "tc -batch -") {
      if (this.refusal !== "") return fail(this.refusal);
      this.batches.push(options.input ?? "");
      const lines = (options.input ?? "").split("\n");
      const added = lines.find((line) => line.startsWith("qdisc add"));
      if (added !== undefined) this.roots.set("eth0", { kind: "htb", handle: "1:" });
      this.classes = Math.max(this.classes, lines.filter((line) => line.startsWith("class ")).length);
      return say("");
    }
    if (text === "tc qdisc del dev eth0 root") {
      this.roots.set("eth0", { kind: "mq", handle: "0:" });
      this.classes = 0;
    }
    return say("");
  };
}

const made = (machine: Machine) => {
  const { log, lines } = capturedLog();
  const tasks: (() => void)[] = [];
  const { shares } = trafficConfig.parse({});
  const part = new Traffic({
    ...{ shares, prefer: "auto", guestBridge: "br-guest", vmInterfaces: [], log, run: machine.run },
    ports: { control: [4_600], messages: [4_600], bulk: [] },
    timers: {
      monotonicMs: () => 0,
      after: (_, task) => {
        tasks.push(task);
        return () => void tasks.splice(tasks.indexOf(task), 1);
      },
    },
  });
  return { part, lines, tasks };
};
const LINK = [{ name: "eth0", upKbit: 2_000 }];

describe("The traffic part", () => {
  test("does nothing where all is as it was planned", async () => {
    const machine = new Machine();
    const { part } = made(machine);
    await part.start();
    await part.refresh(LINK);
    const done = machine.batches.length;
    await part.refresh(LINK);
    await part.refresh(LINK);
    expect(machine.batches).toHaveLength(done);
    expect(part.detail()).toBe("eth0 shared at 2000 kbit/s");
  });

  test("tells the operator how much each class has sent", async () => {
    const machine = new Machine();
    const { part } = made(machine);
    await part.start();
    const counter = { counter: { name: "bulk", bytes: 2_340_000, packets: 9 } };
    machine.counters = JSON.stringify({ nftables: [counter] });
    await part.refresh(LINK);
    expect(part.detail()).toBe("eth0 shared at 2000 kbit/s; sent, in MB: bulk 2.3");
  });

  test("takes the place of the gateway's own queue, of a box that ran without the mesh, and of no stranger's", async () => {
    for (const [kind, handle, after] of [
      ["fq_codel", "2:", "htb"],
      ["cake", "2:", "htb"],
      ["fq_codel", "8001:", "fq_codel"],
    ] as const) {
      const machine = new Machine();
      machine.roots.set("eth0", { kind, handle });
      const { part } = made(machine);
      await part.start();
      await part.refresh(LINK);
      expect([kind, handle, machine.roots.get("eth0")?.kind]).toEqual([kind, handle, after]);
    }
  });

  test("looks again by itself, and puts back what is gone", async () => {
    const machine = new Machine();
    const { part, tasks } = made(machine);
    await part.start();
    await part.refresh(LINK);
    machine.roots.set("eth0", { kind: "mq", handle: "0:" });
    machine.table = false;
    machine.classes = 0;
    tasks.shift()?.();
    await part.refresh(LINK);
    expect(machine.roots.get("eth0")?.kind).toBe("htb");
    expect(machine.table).toBe(true);
  });

  test("takes on another rate without making the root anew", async () => {
    const machine = new Machine();
    const { part } = made(machine);
    await part.start();
    await part.refresh(LINK);
    await part.refresh([{ name: "eth0", upKbit: 1_234 }]);
    expect(machine.batches.at(-1)).toContain("classid 1:1 htb prio 0 rate 1234kbit");
    expect(machine.batches.at(-1)).not.toContain("qdisc add");
    await part.refresh(LINK);
    expect(machine.batches.at(-1)).toContain("rate 2000kbit");
  });

  test("changes the tunnels' ports alone when they change", async () => {
    const machine = new Machine();
    const { part } = made(machine);
    await part.start();
    await part.refresh(LINK);
    await part.setTunnelPorts([51_820, 51_820]);
    expect(machine.batches.at(-1)).toBe("nft 2");
    const done = machine.batches.length;
    await part.setTunnelPorts([51_820]);
    expect(machine.batches).toHaveLength(done);
  });

  test("says once what the kernel refuses, tries it again, and forgets it when it went", async () => {
    const machine = new Machine();
    const { part, lines } = made(machine);
    await part.start();
    machine.refusal = "Error: Specified qdisc kind is unknown.";
    await part.refresh(LINK);
    await part.refresh(LINK);
    expect(lines.filter(({ level }) => level === 40)).toHaveLength(1);
    expect(part.trouble()).toContain("eth0: tc -batch -: exit 2: Error: Specified qdisc kind is unknown.");
    machine.refusal = "";
    await part.refresh(LINK);
    expect(part.trouble()).toBeUndefined();
  });

  test("waits for an interface that is not there, without a complaint", async () => {
    const { part } = made(new Machine());
    await part.start();
    await part.refresh([{ name: "usb0", upKbit: 2_000 }]);
    expect(part.trouble()).toBeUndefined();
    expect((await part.status()).links).toMatchObject([{ link: "usb0", state: "absent" }]);
  });

  test("leaves a link that it is no longer told of, and everything when it stops", async () => {
    const machine = new Machine();
    const { part, tasks } = made(machine);
    await part.start();
    await part.refresh(LINK);
    await part.refresh([]);
    expect([machine.roots.get("eth0")?.kind, machine.table]).toEqual(["mq", false]);
    await part.refresh(LINK);
    await part.stop();
    expect([machine.roots.get("eth0")?.kind, machine.table, tasks.length]).toEqual(["mq", false, 0]);
  });
});
