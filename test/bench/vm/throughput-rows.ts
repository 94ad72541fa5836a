import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../src/host/run.ts";
import { domainXml, machinePlan } from "../../../src/vm/domain/index.ts";
import { rulesetText } from "../../../src/vm/egress/check-ruleset.ts";
import { GuestAgent } from "../../../src/vm/guest-agent/index.ts";
import { GUEST_LINK, leaseNames } from "../../../src/vm/guest-link.ts";
import { Libvirt } from "../../../src/vm/libvirt/index.ts";
import { withNetworkOf } from "../../lab/network-namespace.ts";
import { Conversation } from "../../lab/vm-egress-lab.ts";
import { set } from "../../lab/vm-requester.ts";
import type { BenchContext } from "../bench.ts";
import { type BenchRow, benchRow } from "../report.ts";
import { geometricMean } from "../samples.ts";
import { STRAIGHT, type VmStand } from "./stand.ts";
import { INSIDE, type Tunnelled } from "./tunnelled.ts";

const SINK_PORT = 5_001;
const PATIENCE_MS = 240_000;

/**
 * What a machine sends to its requester in a second, isolated, and by the same ways without rules. In short turns, as
 * what else the computer does changes within seconds: so it falls on both alike. Beside a bare tunnel it is the same
 * machine with its rules taken away, for where a kernel lies in its memory makes a tenth of its speed in emulation.
 */
export async function throughputRows(
  stand: VmStand,
  tunnelled: Tunnelled,
  { quick, progress }: BenchContext,
): Promise<BenchRow[]> {
  const sink = new Sink(stand);
  progress("throughput");
  const ours = await tunnelled.machine();
  const rules = await Rules.of(stand, ours.id);
  const { guestAddress } = GUEST_LINK;
  // SSH's last acknowledgement may come under an address that was not its own, and must not end its connection.
  await stand.requester.run(["nft", "-f", "-"], { input: NO_RESETS });
  // Without rules nothing changes its address.
  await tunnelled.admit(ours.publicKey, ours.address, guestAddress);
  await tunnelled.reach(guestAddress, "tunnel");
  let bare: BareMachine | undefined;
  const senders: Sender[] = [];
  const sender = async (address: string): Promise<Sender> => {
    const made = await Sender.open(stand, address);
    senders.push(made);
    return made;
  };
  try {
    const isolated = await sender(ours.address);
    await rules.takeAway();
    const naked = await sender(guestAddress);
    const beside = async (what: string, turns: number, other: () => Promise<number>): Promise<Rates> => {
      const rates: Rates = { ours: [], reference: [] };
      const take = { ours: () => sink.rate(isolated, INSIDE), reference: other };
      for (let turn = 0; turn < turns; turn += 1) {
        const order = ["ours", "reference"] as const;
        for (const name of turn % 2 === 0 ? order : order.toReversed()) {
          await (name === "ours" || what === "cable" ? rules.putBack() : rules.takeAway());
          rates[name].push(await take[name]());
        }
        if ((turn + 1) % 10 === 0)
          progress(`${what}, ${turn + 1} turns: ${spread(rates.ours)}, the other ${spread(rates.reference)}`);
      }
      return rates;
    };
    const tunnel = await beside("tunnel", quick ? 6 : 60, () => sink.rate(naked, INSIDE));
    await rules.putBack();
    bare = await BareMachine.start(stand);
    await tunnelled.reach(guestAddress, "cable");
    const forwarded = await sender(guestAddress);
    const cable = await beside("cable", quick ? 4 : 20, () => sink.rate(forwarded, STRAIGHT.requester));
    return [
      benchRow({
        ...{ ...means(tunnel), name: "machine to requester, TCP, beside a bare tunnel" },
        ...{ referenceName: "WireGuard, no rules", goal: { of: "ratio", atLeast: 0.95 } },
      }),
      benchRow({
        ...{ ...means(cable), name: "the same, beside no tunnel" },
        referenceName: "forwarded, no rules",
      }),
    ];
  } finally {
    sink.stop();
    for (const one of senders) await one.close();
    await stand.requester.run(["nft", "delete", "table", "inet", "bench"]);
    await bare?.stop();
    await tunnelled.unreach(guestAddress);
    await tunnelled.pool.call("discard", ours.id);
  }
}

type Rates = Record<"ours" | "reference", number[]>;

const spread = (rates: readonly number[]): string =>
  `${geometricMean(rates).toFixed(1)} (${Math.min(...rates).toFixed(1)} to ${Math.max(...rates).toFixed(1)}) Mbit/s`;

const means = ({ ours, reference }: Rates) => ({
  ...{ unit: "Mbit/s", ours: geometricMean(ours), reference: geometricMean(reference) },
});

const NO_RESETS = `table inet bench {
  chain out { type filter hook output priority 0; tcp flags & rst == rst drop; }
}`;

/** All of nftables in a machine's namespace, which can be away for a while. */
class Rules {
  private areThere = true;

  private constructor(
    private readonly stand: VmStand,
    private readonly id: string,
    /** As nft tells and takes it (libnftables-json(5)). */
    private readonly text: string,
  ) {}

  static async of(stand: VmStand, id: string): Promise<Rules> {
    // nft does not tell the device that a chain is at, and wants to be told.
    const withDevice = (key: string, value: unknown) =>
      key === "chain" && (value as { hook?: string }).hook === "ingress"
        ? { ...(value as object), dev: leaseNames(id).tap }
        : value;
    const listed = await nft(stand, id, ["-j", "list", "ruleset"]);
    const rules = new Rules(stand, id, JSON.stringify(JSON.parse(listed, withDevice)));
    const before = await rules.shown();
    await rules.takeAway();
    await rules.putBack();
    if ((await rules.shown()) !== before) throw new Error("the rules do not come back as they were");
    return rules;
  }

  /** Without what changes while they are in use. */
  private async shown(): Promise<string> {
    const { nftables } = JSON.parse(await nft(this.stand, this.id, ["-j", "list", "ruleset"]));
    return `${rulesetText(nftables)}\n${await nft(this.stand, this.id, ["list", "chains"])}`;
  }

  async takeAway(): Promise<void> {
    if (this.areThere) await nft(this.stand, this.id, ["flush", "ruleset"]);
    this.areThere = false;
  }

  async putBack(): Promise<void> {
    if (!this.areThere) await nft(this.stand, this.id, ["-j", "-f", "-"], this.text);
    this.areThere = true;
  }
}

function nft(stand: VmStand, id: string, what: readonly string[], input = ""): Promise<string> {
  const { namespace } = leaseNames(id);
  return run([...stand.enter, "ip", "netns", "exec", namespace, "nft", ...what], { input });
}

/** Somebody in a machine who sends when told to: each line is an address, and the answer that it is done. */
class Sender {
  private constructor(private readonly ssh: Conversation) {}

  static async open(stand: VmStand, machine: string): Promise<Sender> {
    const send = `dd if=/dev/zero bs=65536 count=${TURN_BYTES / 65_536} 2>/dev/null | nc $to ${SINK_PORT}`;
    const loop = `echo ready; while read -r to; do ${send} || exit; echo sent; done`;
    const sender = new Sender(new Conversation(stand.requester.command(stand.sshCommand(machine, loop))));
    await sender.answer();
    return sender;
  }

  async send(to: string): Promise<void> {
    const answered = this.answer();
    this.ssh.say(`${to}\n`);
    await answered;
  }

  /** It may be at no address any more. */
  close(): Promise<void> {
    return this.ssh.end();
  }

  private async answer(): Promise<void> {
    const late = setTimeout(() => void this.ssh.end(), PATIENCE_MS);
    const answer = await Promise.race([this.ssh.next(), this.ssh.exited]);
    clearTimeout(late);
    if (typeof answer === "number") throw new Error("SSH to a machine has ended");
  }
}

/** A second's worth in emulation. */
const TURN_BYTES = 2 * 1_048_576;

/** Takes what machines send, at the requester's. */
class Sink {
  private bytes = 0;
  private firstMs = 0;
  private lastMs = 0;
  private ended: (() => void) | undefined;
  private readonly server: { stop(closesConnections: boolean): void };

  constructor(stand: VmStand) {
    this.server = withNetworkOf(stand.requester, () =>
      Bun.listen({
        ...{ hostname: "0.0.0.0", port: SINK_PORT },
        socket: {
          data: (_, chunk) => {
            this.lastMs = performance.now();
            if (this.bytes === 0) this.firstMs = this.lastMs;
            this.bytes += chunk.length;
          },
          close: () => this.ended?.(),
        },
      }),
    );
  }

  /** Has a machine send. @returns Mbit/s from the first byte to the last */
  async rate(sender: Sender, to: string): Promise<number> {
    this.bytes = 0;
    const ended = new Promise<void>((resolve) => {
      this.ended = resolve;
    });
    await Promise.all([sender.send(to), ended]);
    if (this.bytes !== TURN_BYTES) throw new Error(`${this.bytes} bytes came to ${to}`);
    return (this.bytes * 8) / (this.lastMs - this.firstMs) / 1_000;
  }

  stop(): void {
    this.server.stop(true);
  }
}

/** The same guest in a namespace that forwards what it sends, as one is made by hand. */
class BareMachine {
  private constructor(private readonly libvirt: Libvirt) {}

  static async start(stand: VmStand): Promise<BareMachine> {
    const { box, lab, libvirtOrder, image, sshKey } = stand;
    const inside = await lab.host("bare");
    const folder = join(libvirtOrder.folder, "bare");
    mkdirSync(folder, { recursive: true });
    await run(["chown", `${libvirtOrder.uid}:${libvirtOrder.uid}`, folder]);
    await box.run(["ip", "tuntap", "add", "dev", "bare0", "mode", "tap", "vnet_hdr"]);
    const plan = machinePlan(
      {
        ...{ architecture: "x64", accelerator: "emulation", partition: libvirtOrder.partition },
        ...{ owner: { name: libvirtOrder.owner }, isMemoryHeld: libvirtOrder.isMemoryHeld },
      },
      image,
      { cpus: 1, memoryMiB: 256 },
      {
        ...{ name: "bare", uuid: crypto.randomUUID(), tap: "bare0", disk: undefined },
        ...{ agentSocket: join(folder, "agent"), consoleSocket: undefined },
      },
    );
    const libvirt = await Libvirt.connect({ uri: libvirtOrder.uri });
    await libvirt.create(domainXml(plan), { isPaused: true, endsWithConnection: true });
    await run(["ip", "-n", box.name, "link", "set", "bare0", "netns", inside.name]);
    const { guestAddress, gatewayAddress, gatewayMacAddress, prefixLength, mtu } = GUEST_LINK;
    await lab.cable(inside, "out", box, "bareout");
    await set(box, "address add 192.0.2.9/30 dev bareout", `route add ${guestAddress}/32 via 192.0.2.10`);
    await box.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await set(
      inside,
      `link set bare0 address ${gatewayMacAddress} mtu ${mtu} up`,
      `address add ${gatewayAddress}/${prefixLength} dev bare0`,
      "address add 192.0.2.10/30 dev out",
      "route add default via 192.0.2.9",
    );
    await inside.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await libvirt.resume(plan.name);
    const agent = new GuestAgent(plan.agentSocket);
    await agent.hello(PATIENCE_MS);
    const seed = crypto.getRandomValues(new Uint8Array(64));
    const keys = { dns: undefined, sshKey, hostKey: undefined };
    await agent.prepare({ seed, timeMs: Date.now(), ...keys }, PATIENCE_MS);
    agent.close();
    return new BareMachine(libvirt);
  }

  async stop(): Promise<void> {
    await this.libvirt.destroy("bare");
    await this.libvirt.close();
  }
}
