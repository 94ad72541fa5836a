import { applyNft, listNftSet } from "../../host/nft.ts";
import { sysctl } from "../../host/proc-net.ts";
import { tryRun } from "../../host/run.ts";
import type { FlowSide } from "./relay-flow.ts";
import { boxGround, type Forwarding } from "./relay-ground.ts";
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
  /** @param table another one for each network of the box */
  constructor(
    private readonly table: string,
    private readonly forwarding: Forwarding = boxGround.forwarding,
  ) {}

  /** Clears away what a killed daemon left. */
  async start(): Promise<void> {
    this.forwarding.adopt(this.table, await this.guardedBefore());
    await this.clear();
  }

  /** Puts the table for these flows in the place of the one that is there. @param interfaces by which packets of flows come in */
  async apply(
    flows: readonly PlannedFlow[],
    quotas: RelayQuotas,
    interfaces: readonly string[],
  ): Promise<void> {
    if (flows.length === 0) return this.clear();
    const guarded = this.forwarding.need(this.table, interfaces);
    // The guard comes before what it guards against.
    await applyNft(relayRuleset(this.table, flows, quotas, guarded));
    this.forwarding.open(this.table);
  }

  /** Whether packets are still forwarded as they are to be. */
  forwards(interfaces: readonly string[]): boolean {
    return this.forwarding.stands(this.table, interfaces);
  }

  mayForward(name: string): boolean {
    return this.forwarding.mayForward(name);
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
    this.forwarding.need(this.table, []);
    const named = { family: "inet", name: this.table };
    await applyNft([{ add: { table: named } }, { delete: { table: named } }]);
  }

  private async guardedBefore(): Promise<string[]> {
    const elements = await listNftSet("inet", this.table, GUARDED_SET).catch((): unknown[] => []);
    return elements.filter((element): element is string => typeof element === "string");
  }
}

/** All tables of relays have names that begin so. */
export const RELAY_TABLE = "omerta_relay";

/** Clears away what a killed daemon's relays have left, of networks that the box is in no more too: before any relay starts. */
export async function clearRelays(): Promise<void> {
  const listed = await tryRun(["nft", "-j", "list", "tables"]);
  if (listed.exitCode !== 0) return;
  const { nftables } = JSON.parse(listed.stdout) as {
    nftables: { table?: { family: string; name: string } }[];
  };
  for (const { table } of nftables) {
    const isRelay = table?.family === "inet" && table.name.startsWith(RELAY_TABLE);
    if (isRelay) await new RelayKernel(table.name).start();
  }
}

/** Whether this box forwards IPv6. A relay does not turn it on: the box would no longer listen to its router's advertisements. */
export const forwardsIpv6 = (): boolean => sysctl("net.ipv6.conf.all.forwarding") === "1";

export const countedOf = (
  counters: ReadonlyMap<string, Counted>,
  slot: number,
): Record<FlowSide, Counted> | undefined => {
  const [a, b] = [counters.get(counterName(slot, "a")), counters.get(counterName(slot, "b"))];
  return a && b ? { a, b } : undefined;
};
