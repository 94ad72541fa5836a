import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../src/host/run.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../../src/host/wireguard-key.ts";
import { domainXml, machinePlan } from "../../../src/vm/domain/index.ts";
import { GuestAgent } from "../../../src/vm/guest-agent/index.ts";
import { GUEST_LINK } from "../../../src/vm/guest-link.ts";
import { Libvirt } from "../../../src/vm/libvirt/index.ts";
import { withNetworkOf } from "../../lab/network-namespace.ts";
import { set } from "../../lab/vm-requester.ts";
import type { BenchContext } from "../bench.ts";
import { type BenchRow, benchRow } from "../report.ts";
import { median } from "../samples.ts";
import { STRAIGHT, type VmStand } from "./stand.ts";
import { INSIDE, makeWireGuard, type Tunnelled } from "./tunnelled.ts";

const SINK_PORT = 5_001;
const PATIENCE_MS = 240_000;

/** What a machine sends to its requester in a second, isolated, and by the same ways without rules. */
export async function throughputRows(
  stand: VmStand,
  tunnelled: Tunnelled,
  { quick, progress }: BenchContext,
): Promise<BenchRow[]> {
  const rounds = quick ? 2 : 7;
  const megabytes = quick ? 16 : 64;
  const sink = new Sink(stand);
  progress("throughput");
  const ours = await tunnelled.machine();
  const bare = await BareMachine.start(stand, tunnelled);
  const rates: Record<"ours" | "tunnel" | "cable", number[]> = { ours: [], tunnel: [], cable: [] };
  try {
    // One after the other in each round, so that what else the machine does falls on all alike.
    for (let round = 0; round < rounds; round += 1) {
      rates.ours.push(await sink.rate(ours.address, INSIDE, megabytes));
      for (const way of ["tunnel", "cable"] as const) {
        await bare.goBy(way);
        rates[way].push(await sink.rate(GUEST_LINK.guestAddress, bare.sinkBy(way), megabytes));
      }
      progress(
        `round ${round + 1}: ${(["ours", "tunnel", "cable"] as const).map((way) => `${way} ${rates[way].at(-1)?.toFixed(0)}`).join(", ")} Mbit/s`,
      );
    }
  } finally {
    sink.stop();
    await bare.stop();
    await tunnelled.pool.call("discard", ours.id);
  }
  const row = { unit: "Mbit/s", ours: median(rates.ours) };
  return [
    benchRow({
      ...{ ...row, name: "machine to requester, TCP, beside a bare tunnel", reference: median(rates.tunnel) },
      ...{ referenceName: "WireGuard, no rules", goal: { of: "ratio", atLeast: 0.95 } },
    }),
    benchRow({
      ...{ ...row, name: "the same, beside no tunnel", reference: median(rates.cable) },
      referenceName: "forwarded, no rules",
    }),
  ];
}

/** Takes what machines send, at the requester's. */
class Sink {
  private bytes = 0;
  private firstMs = 0;
  private lastMs = 0;
  private ended: (() => void) | undefined;
  private readonly server: { stop(closesConnections: boolean): void };

  constructor(private readonly stand: VmStand) {
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

  /** Has the machine at an address send. @returns Mbit/s from the first byte to the last */
  async rate(machine: string, to: string, megabytes: number): Promise<number> {
    this.bytes = 0;
    const ended = new Promise<void>((resolve) => {
      this.ended = resolve;
    });
    const send = `dd if=/dev/zero bs=65536 count=${megabytes * 16} 2>/dev/null | nc ${to} ${SINK_PORT}`;
    await Promise.all([this.stand.ssh(machine, send, PATIENCE_MS), ended]);
    if (this.bytes < megabytes * 1_048_576) throw new Error(`${this.bytes} bytes came from ${machine}`);
    return (this.bytes * 8) / (this.lastMs - this.firstMs) / 1_000;
  }

  stop(): void {
    this.server.stop(true);
  }
}

const TUNNEL = "obvmbare";

/** The same guest in a namespace that forwards what it sends, into a tunnel or by a cable, as they are made by hand. */
class BareMachine {
  private constructor(
    private readonly stand: VmStand,
    private readonly tunnelled: Tunnelled,
    private readonly libvirt: Libvirt,
    private readonly namespace: string,
  ) {}

  static async start(stand: VmStand, tunnelled: Tunnelled): Promise<BareMachine> {
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
    await makeWireGuard(box, TUNNEL);
    await run(["ip", "-n", box.name, "link", "set", TUNNEL, "netns", inside.name]);
    await lab.cable(inside, "out", box, "bareout");
    await set(box, "address add 192.0.2.9/30 dev bareout", `route add ${guestAddress}/32 via 192.0.2.10`);
    await box.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await set(
      inside,
      `link set bare0 address ${gatewayMacAddress} mtu ${mtu} up`,
      `address add ${gatewayAddress}/${prefixLength} dev bare0`,
      "address add 192.0.2.10/30 dev out",
      `link set ${TUNNEL} mtu ${mtu} up`,
    );
    await inside.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    const privateKey = makeWireGuardKey();
    await tunnelled.admit(wireGuardPublicKey(privateKey), guestAddress);
    const { peerKey, endpoint } = tunnelled.peer;
    await inside.run(
      [
        ...["wg", "set", TUNNEL, "private-key", "/dev/stdin", "peer", peerKey, "allowed-ips", "0.0.0.0/0"],
        ...["persistent-keepalive", "5", "endpoint", `${endpoint.address}:${endpoint.port}`],
      ],
      { input: privateKey },
    );
    await libvirt.resume(plan.name);
    const agent = new GuestAgent(plan.agentSocket);
    await agent.hello(PATIENCE_MS);
    const seed = crypto.getRandomValues(new Uint8Array(64));
    const keys = { dns: undefined, sshKey, hostKey: undefined };
    await agent.prepare({ seed, timeMs: Date.now(), ...keys }, PATIENCE_MS);
    agent.close();
    return new BareMachine(stand, tunnelled, libvirt, inside.name);
  }

  /** Both ways at once: what is sent, and what is answered. */
  async goBy(way: "tunnel" | "cable"): Promise<void> {
    const to = way === "tunnel" ? `dev ${TUNNEL}` : "via 192.0.2.9";
    await run(["ip", "-n", this.namespace, "route", "replace", "default", ...to.split(" ")]);
    await this.tunnelled.reach(GUEST_LINK.guestAddress, way);
  }

  sinkBy(way: "tunnel" | "cable"): string {
    return way === "tunnel" ? INSIDE : STRAIGHT.requester;
  }

  async stop(): Promise<void> {
    await this.libvirt.destroy("bare");
    await this.libvirt.close();
    await run(["ip", "-n", this.stand.requester.name, "route", "del", `${GUEST_LINK.guestAddress}/32`]);
  }
}
