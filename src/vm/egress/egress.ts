import type { NftCommand } from "../../host/nft.ts";
import { interfaceExists } from "../../host/proc-net.ts";
import { run, tryRun } from "../../host/run.ts";
import type { PeerSettings } from "../../mesh/tunnels/wireguard-device.ts";
import type { WireGuardStatus } from "../../mesh/tunnels/wireguard-dump.ts";
import { type LeaseNames, leaseNames } from "../guest-link.ts";
import { checkedParameters, namespaceDifferences } from "./check-namespace.ts";
import { rulesetText } from "./check-ruleset.ts";
import { EgressError } from "./egress-error.ts";
import type { EgressGround, EgressPlan } from "./egress-plan.ts";
import { batchLines, inside, namespaces, parameterLines, runInside, tryInside } from "./namespace.ts";
import { seeNamespace } from "./seen-namespace.ts";
import { egressLeftovers } from "./sweep.ts";
import { makeTap } from "./tap.ts";
import {
  endWireGuardGo,
  keyTunnel,
  makeTunnel,
  moveTunnel,
  pointTunnel,
  stirTunnel,
  tunnelStatus,
  wireGuardGoProcesses,
} from "./tunnel-device.ts";

/** On a cold kernel each kind of expression may be a module that is loaded first (host/nft.ts). */
const APPLY_TIMEOUT_MS = 60_000;
const GONE_WITHIN_MS = 2_000;

/**
 * Makes the egress of virtual machines, looks whether it is as planned, and takes it away. A machine may run only
 * between an `attach` that was kept and the `down`.
 */
export class Egress {
  /** The kernel's rules as they were when they had just been put there, by namespace. */
  private readonly rules = new Map<string, string>();
  /** Namespaces that wait for their request. */
  private readonly prepared = new Set<string>();
  /** Namespaces whose TAP is in them already, down. */
  private readonly parked = new Set<string>();
  /** Tunnels that are there and are to stay. */
  private readonly tunnels = new Set<string>();

  /** @param tunnelLost told when a tunnel is gone that nobody has taken down */
  constructor(private readonly tunnelLost: (names: LeaseNames) => void = () => {}) {}

  /**
   * Makes what needs no request, for a machine that is started ahead of its lease: the TAP, in the box's namespace, for
   * the hypervisor; the machine's own namespace; and the tunnel without keys. wireguard-go takes up to a second to see
   * that its interface is up, which is spared later.
   * @throws {EgressError} naming what failed, with nothing left
   */
  async prepare(ground: EgressGround): Promise<void> {
    const { namespace, tunnel } = ground.names;
    await this.confine(ground);
    await this.orUndone(ground.names, async () => {
      const ended = () => {
        if (this.tunnels.delete(tunnel)) this.tunnelLost(ground.names);
      };
      await step("tunnel", () => makeTunnel(ground.names, ended));
      this.tunnels.add(tunnel);
      await step("tunnel", () => runInside(namespace, batchLines("ip", ground.tunnelLink)));
      if (interfaceExists(tunnel)) throw new EgressError("tunnel", `${tunnel} is in the box's namespace`);
    });
    this.prepared.add(namespace);
  }

  /**
   * Makes the part of it that leads nowhere, for a machine that is to reach nobody: the TAP, and the machine's own
   * namespace with nothing in it.
   * @throws {EgressError} naming what failed, with nothing left
   */
  async confine({ names, parameters }: Pick<EgressGround, "names" | "parameters">): Promise<void> {
    const { namespace, tap } = names;
    if (namespaces().includes(namespace)) throw new EgressError("namespace", `${namespace} is there already`);
    await this.orUndone(names, async () => {
      await step("tap", () => makeTap(tap));
      await step("namespace", () => run(["ip", "netns", "add", namespace]));
      await step("parameters", () => runInside(namespace, parameterLines(parameters)));
    });
  }

  /**
   * Moves the TAP of a machine that waits into its namespace, once the hypervisor has opened it, and leaves it down: what
   * the machine sends before its `attach` is taken by nobody, on the box as little as elsewhere.
   * @throws {EgressError} naming what failed, with nothing left
   */
  async park({ names, tapLink }: Pick<EgressGround, "names" | "tapLink">): Promise<void> {
    const { namespace, tap } = names;
    await this.orUndone(names, async () => {
      await step("tap", () => run(["ip", "link", "set", tap, "down", "netns", namespace]));
      await step("tap", () => runInside(namespace, batchLines("ip", tapLink.slice(0, 1))));
      const seen = await step("tap", () => run(inside(namespace, "ip", "-o", "link", "show", "dev", tap)));
      if (/[<,]UP[,>]/.test(seen)) throw new EgressError("tap", `${tap} is up`);
    });
    this.parked.add(namespace);
  }

  /**
   * Makes all but the TAP's way into the namespace, of what was prepared or anew. The TAP stands in the box's
   * namespace, down, for the hypervisor.
   * @throws {EgressError} naming what failed, with nothing left
   */
  async up(plan: EgressPlan): Promise<void> {
    const { namespace } = plan.names;
    if (!this.prepared.delete(namespace)) {
      await this.prepare(plan);
      this.prepared.delete(namespace);
    }
    await this.orUndone(plan.names, async () => {
      await step("rules", () => apply(namespace, plan.passage));
      await step("parameters", () => runInside(namespace, parameterLines(plan.trackingParameters)));
      await step("tunnel", () => runInside(namespace, batchLines("tc", plan.tunnelShaping)));
      await step("tunnel", () => keyTunnel(plan));
      // Of a machine that waits its attachment follows at once, and looks at all of it.
      if (!this.parked.has(namespace)) await this.check(plan, false);
    });
  }

  /**
   * Moves the TAP into the namespace, where the hypervisor has opened it, and opens the way through. The machine must
   * not run yet. One that is attached is looked at only.
   * @throws {EgressError} naming what failed, with nothing left
   */
  async attach(plan: EgressPlan): Promise<void> {
    const { namespace, tap } = plan.names;
    await this.orUndone(plan.names, async () => {
      const isOutside = interfaceExists(tap);
      if (isOutside || this.parked.delete(namespace)) {
        if (isOutside) await step("tap", () => run(["ip", "link", "set", tap, "down", "netns", namespace]));
        await step("tap", () => runInside(namespace, batchLines("ip", plan.tapLink.slice(0, 1))));
        await step("rules", () => apply(namespace, plan.guard));
        await step("tap", () =>
          runInside(namespace, [
            ...batchLines("tc", plan.tapShaping),
            // Neighbours of a link that is down are forgotten when it comes up.
            ...batchLines("ip", [`link set ${tap} up`, ...plan.tapLink.slice(1)]),
          ]),
        );
        this.rules.delete(namespace);
      }
      await this.check(plan, true);
    });
  }

  /**
   * Reads back from the kernel that the egress of an attached machine is as planned and that there is nothing else.
   * Nothing is undone: whoever asks decides.
   * @throws {EgressError} naming the first thing that is not so
   */
  verify(plan: EgressPlan): Promise<void> {
    return this.check(plan, true);
  }

  /** Cuts a machine off both ways, for good. Nothing happens where the namespace is gone, as it is cut off then. */
  async cut({ namespace, tap, tunnel }: LeaseNames): Promise<void> {
    for (const link of [tap, tunnel]) await tryInside(namespace, "ip", "link", "set", link, "down");
    const still = await tryInside(namespace, "ip", "-o", "link", "show", "up");
    if (still.exitCode === 0 && still.stdout.includes(tap)) throw new EgressError("tap", `${tap} stays up`);
  }

  /** Sends to where a requester says that it has moved. @throws {EgressError} "tunnel" */
  async move({ namespace, tunnel }: LeaseNames, endpoint: { address: string; port: number }): Promise<void> {
    await step("tunnel", () => moveTunnel(namespace, tunnel, endpoint));
  }

  /** Sends to where the mesh has found the requester. Nothing else changes. @throws {EgressError} "tunnel" */
  async point({ namespace, tunnel }: LeaseNames, peer: PeerSettings): Promise<void> {
    await step("tunnel", () => pointTunnel(namespace, tunnel, peer));
  }

  /** Has the tunnel send something at once. @throws {EgressError} "tunnel" */
  stir({ namespace, tunnel }: LeaseNames, peerKey: string): Promise<WireGuardStatus | undefined> {
    return step("tunnel", () => stirTunnel(namespace, tunnel, peerKey));
  }

  /** @returns undefined when the tunnel is gone */
  tunnelStatus({ namespace, tunnel }: LeaseNames): Promise<WireGuardStatus | undefined> {
    return tunnelStatus(namespace, tunnel);
  }

  /**
   * Takes everything of a machine's egress away, whatever of it is there.
   * @throws {EgressError} naming what stays
   */
  async down(names: LeaseNames): Promise<void> {
    const { namespace, tap, tunnel } = names;
    this.rules.delete(namespace);
    this.prepared.delete(namespace);
    this.parked.delete(namespace);
    this.tunnels.delete(tunnel);
    const isThere = namespaces().includes(namespace);
    // The machine is cut off first: what follows takes its time.
    if (isThere) for (const link of [tap, tunnel]) await tryRun(["ip", "-n", namespace, "link", "del", link]);
    await endWireGuardGo(tunnel);
    if (isThere) await tryRun(["ip", "netns", "del", namespace]);
    const untilMs = performance.now() + GONE_WITHIN_MS;
    for (;;) {
      for (const link of [tap, tunnel]) {
        if (interfaceExists(link)) await tryRun(["ip", "link", "del", link]);
      }
      const stays = whatIsThere(names);
      if (stays === undefined) return;
      if (performance.now() > untilMs) throw new EgressError(stays, "cannot be removed");
      await Bun.sleep(10);
    }
  }

  /**
   * Removes what belongs to no live lease: what a killed daemon left.
   * @param live ids of leases, and of machines that were started ahead of theirs
   * @returns the names of what was removed
   * @throws {EgressError} naming something that stays; the rest is removed all the same
   */
  async sweep(live: Iterable<string>): Promise<LeaseNames[]> {
    const kept = new Set([...live].map((lease) => leaseNames(lease).namespace));
    const gone = egressLeftovers().filter(({ namespace }) => !kept.has(namespace));
    const failures: unknown[] = [];
    for (const names of gone) await this.down(names).catch((error: unknown) => void failures.push(error));
    if (failures.length > 0) throw failures[0];
    return gone;
  }

  private async check(plan: EgressPlan, attached: boolean): Promise<void> {
    const { namespace } = plan.names;
    if (!namespaces().includes(namespace)) throw new EgressError("namespace", `${namespace} is not there`);
    const seen = await step("namespace", () => seeNamespace(namespace, checkedParameters(plan)));
    const [difference] = namespaceDifferences(plan, seen, attached);
    if (difference) throw new EgressError(difference.thing, difference.why);
    if (!attached) return;
    const text = rulesetText(seen.ruleset);
    const before = this.rules.get(namespace);
    if (before === undefined) this.rules.set(namespace, text);
    else if (before !== text) throw new EgressError("rules", "are not what they were");
  }

  private async orUndone(names: LeaseNames, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      await this.down(names);
      throw error;
    }
  }
}

async function apply(namespace: string, commands: readonly NftCommand[]): Promise<void> {
  await run(inside(namespace, "nft", "--json", "--file", "-"), {
    input: JSON.stringify({ nftables: commands }),
    timeoutMs: APPLY_TIMEOUT_MS,
  });
}

async function step<T>(thing: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof EgressError) throw error;
    throw new EgressError(thing, error instanceof Error ? error.message : String(error));
  }
}

function whatIsThere({ namespace, tap, tunnel }: LeaseNames): string | undefined {
  if (namespaces().includes(namespace)) return "namespace";
  if (interfaceExists(tap)) return "tap";
  if (interfaceExists(tunnel)) return "tunnel";
  return wireGuardGoProcesses().some(({ device }) => device === tunnel) ? "tunnel" : undefined;
}
