import { run } from "../../src/host/run.ts";
import type { MeshPort, MeshTopology } from "./mesh-topology.ts";

/** Puts back what a fault broke; a second call does nothing. */
export type Restore = () => Promise<void>;

const TABLE = "lab_faults";

/**
 * What the switches drop, as nftables text that replaces whatever they dropped before. Loss is per direction.
 * @param lossPercent by the port's name in the switch; 100 is a black hole
 */
export function faultRuleset(lossPercent: ReadonlyMap<string, number>): string {
  const rules = [...lossPercent].flatMap(([port, percent]) => {
    const dice = percent >= 100 ? "" : `numgen random mod 10000 < ${Math.round(percent * 100)} `;
    return [`iifname "${port}" ${dice}drop`, `oifname "${port}" ${dice}drop`];
  });
  return [
    `table bridge ${TABLE} {}`,
    `delete table bridge ${TABLE}`,
    `table bridge ${TABLE} {`,
    "  chain forward {",
    "    type filter hook forward priority 0; policy accept;",
    ...rules.map((rule) => `    ${rule}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** Faults of a topology's links. Each is undone by what it returns, and all of them by {@link healAll}. */
export class MeshFaults {
  private readonly losses = new Map<string, number>();
  private readonly standing = new Set<Restore>();

  constructor(private readonly topology: MeshTopology) {}

  /** The host's own interface is set down: the host is told, and so is no one else. */
  async interfaceDown(host: number, segment: number): Promise<Restore> {
    const port = this.topology.port(host, segment);
    await this.ip(host, [`link set ${port.interface} down`]);
    return this.undoneBy(() => this.ip(host, [`link set ${port.interface} up`, ...addressesOf(port)]));
  }

  /** The cable is pulled at the switch: the host sees its carrier go. */
  async carrierLoss(host: number, segment: number): Promise<Restore> {
    const { switchPort } = this.topology.port(host, segment);
    await this.switchIp([`link set ${switchPort} down`]);
    return this.undoneBy(() => this.switchIp([`link set ${switchPort} up`]));
  }

  /** Nothing passes either way, and every link says that it is up. */
  blackHole(host: number, segment: number): Promise<Restore> {
    return this.loss(host, segment, 100);
  }

  /** So many packets of a hundred are lost, each way, at random. One loss a port: the last one counts. */
  async loss(host: number, segment: number, percent: number): Promise<Restore> {
    const { switchPort } = this.topology.port(host, segment);
    this.losses.set(switchPort, percent);
    await this.applyLosses();
    return this.undoneBy(async () => {
      this.losses.delete(switchPort);
      await this.applyLosses();
    });
  }

  /**
   * The host gets another IPv4 address on a segment and loses the one that it had.
   * @param ipv4 with prefix length; by default the 24-bit network's address 100 + host
   */
  async changeAddress(
    host: number,
    segment: number,
    ipv4 = this.topology.port(host, segment).ipv4.replace(/\d+\/24$/, `${100 + host}/24`),
  ): Promise<Restore> {
    const port = this.topology.port(host, segment);
    const dev = `dev ${port.interface}`;
    await this.ip(host, [`addr del ${port.ipv4} ${dev}`, `addr add ${ipv4} ${dev}`]);
    return this.undoneBy(() => this.ip(host, [`addr del ${ipv4} ${dev}`, `addr add ${port.ipv4} ${dev}`]));
  }

  /** Undoes every fault that stands, the last one first. */
  async healAll(): Promise<void> {
    for (const restore of [...this.standing].reverse()) await restore();
  }

  private undoneBy(undo: () => Promise<void>): Restore {
    const restore: Restore = async () => {
      if (this.standing.delete(restore)) await undo();
    };
    this.standing.add(restore);
    return restore;
  }

  private async applyLosses(): Promise<void> {
    await this.topology.switchHost.run(["nft", "-f", "-"], { input: faultRuleset(this.losses) });
  }

  private ip(host: number, lines: readonly string[]): Promise<void> {
    return ipBatch(this.topology.host(host).name, lines);
  }

  private switchIp(lines: readonly string[]): Promise<void> {
    return ipBatch(this.topology.switchHost.name, lines);
  }
}

/** IPv6 addresses go with an interface that is set down. */
const addressesOf = (port: MeshPort): string[] => [
  `addr replace ${port.ipv4} dev ${port.interface}`,
  `addr replace ${port.ipv6} dev ${port.interface} nodad`,
];

async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await run(["ip", "-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
