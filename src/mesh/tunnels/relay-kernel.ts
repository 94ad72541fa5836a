import { applyNft, listNftSet } from "../../host/nft.ts";
import { setSysctl, sysctl } from "../../host/proc-net.ts";
import { tryRun } from "../../host/run.ts";
import type { FlowSide } from "./relay-flow.ts";
import {
  type Counted,
  counterName,
  GUARDED_SET,
  type PlannedFlow,
  type RelayQuotas,
  relayRuleset,
} from "./relay-ruleset.ts";

/** The kernel's side of the relay: one table, and forwarding on the interfaces by which packets come. */
export class RelayKernel {
  private guarded = new Set<string>();

  constructor(private readonly table: string) {}

  /** Takes up, or away, what a killed daemon left. */
  async start(): Promise<void> {
    this.guarded = new Set(await this.guardedBefore());
    await this.clear();
  }

  /** Puts the table for these flows in the place of the one that is there. @param interfaces by which packets of flows come in */
  async apply(
    flows: readonly PlannedFlow[],
    quotas: RelayQuotas,
    interfaces: readonly string[],
  ): Promise<void> {
    if (flows.length === 0) return this.clear();
    const closed = interfaces.filter((name) => sysctl(forwardingOf(name)) === "0");
    for (const name of closed) this.guarded.add(name);
    // The guard comes before what it guards against.
    await applyNft(relayRuleset(this.table, flows, quotas, [...this.guarded]));
    for (const name of closed) setSysctl(forwardingOf(name), 1);
  }

  /** What was counted since the table was made, by counter; undefined when somebody has taken the table away. */
  async counted(): Promise<Map<string, Counted> | undefined> {
    const listed = await tryRun(["nft", "-j", "list", "counters", "table", "inet", this.table]);
    if (listed.exitCode !== 0) return undefined;
    const { nftables } = JSON.parse(listed.stdout) as {
      nftables: { counter?: Counted & { name: string } }[];
    };
    const counters = nftables.flatMap(({ counter }) => (counter ? [counter] : []));
    return new Map(counters.map(({ name, packets, bytes }) => [name, { packets, bytes }]));
  }

  /** Nothing of the relay is left, and forwarding is as it was. */
  async clear(): Promise<void> {
    for (const name of this.guarded) {
      // An interface that has gone took its setting with it.
      if (sysctl(forwardingOf(name)) !== "") setSysctl(forwardingOf(name), 0);
    }
    this.guarded.clear();
    const named = { family: "inet", name: this.table };
    await applyNft([{ add: { table: named } }, { delete: { table: named } }]);
  }

  private async guardedBefore(): Promise<string[]> {
    const elements = await listNftSet("inet", this.table, GUARDED_SET).catch((): unknown[] => []);
    return elements.filter((element): element is string => typeof element === "string");
  }
}

const forwardingOf = (name: string): string => `net/ipv4/conf/${name}/forwarding`;

/** Whether this box forwards IPv6. A relay does not turn it on: the box would no longer listen to its router's advertisements. */
export const forwardsIpv6 = (): boolean => sysctl("net.ipv6.conf.all.forwarding") === "1";

export const countedOf = (
  counters: ReadonlyMap<string, Counted>,
  slot: number,
): Record<FlowSide, Counted> | undefined => {
  const [a, b] = [counters.get(counterName(slot, "a")), counters.get(counterName(slot, "b"))];
  return a && b ? { a, b } : undefined;
};
