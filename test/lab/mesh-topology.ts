import { run } from "../../src/host/run.ts";
import { asBox } from "./box-kernel.ts";
import type { Lab, LabHost } from "./lab.ts";
import { MeshFaults } from "./mesh-faults.ts";
import type { Shape } from "./mesh-shapes.ts";

/** One host's end of a segment. */
export interface MeshPort {
  readonly segment: number;
  /** Index of the host. */
  readonly host: number;
  /** The interface inside the host: eth0, eth1 … in the order of its segments. */
  readonly interface: string;
  /** The other end, in the switch's namespace. */
  readonly switchPort: string;
  /** With prefix length: 10.x.y.h/24, h being the host's number plus 1. */
  readonly ipv4: string;
  /** With prefix length: fd00:0:0:<segment>::h/64. A link-local address is there as well. */
  readonly ipv6: string;
}

/** An address without its prefix length. */
export const addressOf = (withPrefix: string): string => withPrefix.slice(0, withPrefix.indexOf("/"));

/** The ports of a shape, in the order of its segments. Hosts' numbers and segments decide every name and address. */
export function planPorts(shape: Shape): MeshPort[] {
  if (shape.hosts > 250) throw new RangeError(`hosts: ${shape.hosts} are more than a /24 holds`);
  const taken = new Map<number, number>();
  return shape.segments.flatMap((members, segment) =>
    members.map((host) => {
      const index = taken.get(host) ?? 0;
      taken.set(host, index + 1);
      return {
        segment,
        host,
        interface: `eth${index}`,
        switchPort: `s${segment}h${host}`,
        ipv4: `10.${64 + (segment >> 8)}.${segment & 255}.${host + 1}/24`,
        ipv6: `fd00:0:0:${(segment + 1).toString(16)}::${(host + 1).toString(16)}/64`,
      };
    }),
  );
}

/**
 * Hosts joined by switches that stand in a namespace of their own, so that a fault between two hosts can be made
 * without either of them being touched.
 */
export class MeshTopology {
  readonly faults: MeshFaults;

  private constructor(
    readonly shape: Shape,
    readonly hosts: readonly LabHost[],
    readonly ports: readonly MeshPort[],
    readonly switchHost: LabHost,
  ) {
    this.faults = new MeshFaults(this);
  }

  /** Builds the shape within an open lab; the lab's end removes it. Some 5 ms a host. */
  static async build(lab: Lab, shape: Shape, name = "n"): Promise<MeshTopology> {
    const names = Array.from({ length: shape.hosts }, (_, index) => `${name}${index}`);
    const [switchHost, ...hosts] = await lab.manyHosts([`${name}-switch`, ...names]);
    if (switchHost === undefined) throw new Error("no switch");
    await Promise.all(hosts.map(asBox));
    const topology = new MeshTopology(shape, hosts, planPorts(shape), switchHost);
    await topology.wire();
    return topology;
  }

  host(index: number): LabHost {
    const host = this.hosts[index];
    if (host === undefined) throw new RangeError(`hosts[${index}]: there are ${this.hosts.length}`);
    return host;
  }

  /** A host's port, by segment. @throws {RangeError} when the host is not on that segment */
  port(host: number, segment: number): MeshPort {
    const found = this.ports.find((port) => port.host === host && port.segment === segment);
    if (found === undefined) throw new RangeError(`hosts[${host}] is not on segments[${segment}]`);
    return found;
  }

  portsOf(host: number): MeshPort[] {
    return this.ports.filter((port) => port.host === host);
  }

  /** A host's first IPv4 address, without prefix length. */
  address(host: number, segment = this.portsOf(host)[0]?.segment ?? 0): string {
    return addressOf(this.port(host, segment).ipv4);
  }

  private async wire(): Promise<void> {
    const { name: inSwitch } = this.switchHost;
    await batch(
      inSwitch,
      this.shape.segments.map(
        // Nothing is to wait for listeners to be learnt: multicast goes everywhere at once.
        (_, segment) => `link add br${segment} up type bridge mcast_snooping 0 stp_state 0`,
      ),
    );
    // Before the interfaces come: an address is usable at once.
    await Promise.all(
      this.hosts.map((host) =>
        host.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"], { timeoutMs: 60_000 }),
      ),
    );
    await batch(
      inSwitch,
      this.ports.flatMap((port) => [
        `link add ${port.switchPort} type veth peer name ${port.interface} netns ${this.host(port.host).name}`,
        `link set ${port.switchPort} master br${port.segment} up`,
      ]),
    );
    await Promise.all(
      this.hosts.map((host, index) =>
        batch(
          host.name,
          this.portsOf(index).flatMap((port) => [
            `link set ${port.interface} up`,
            `addr add ${port.ipv4} dev ${port.interface}`,
            `addr add ${port.ipv6} dev ${port.interface} nodad`,
          ]),
        ),
      ),
    );
  }
}

/** Runs lines of ip(8) inside a namespace, all with one program. */
async function batch(namespace: string, lines: readonly string[]): Promise<void> {
  await run(["ip", "-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n`, timeoutMs: 120_000 });
}
