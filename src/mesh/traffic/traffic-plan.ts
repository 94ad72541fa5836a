import type { NftCommand } from "../../host/nft.ts";
import { markRuleset, type TrafficPorts } from "./mark-ruleset.ts";
import { type Link, planQueues, type Queueing, type QueuePlan } from "./queue-plan.ts";
import type { Shares } from "./traffic-class.ts";

export interface TrafficPlanInput {
  readonly links: readonly Link[];
  readonly shares: Shares;
  readonly ports: TrafficPorts;
  readonly tunnelPorts: readonly number[];
  readonly guestBridge: string;
  readonly vmInterfaces: readonly string[];
  readonly queueing: Queueing;
  readonly prefer?: "auto" | "cake";
}

export interface TrafficPlan {
  readonly queues: readonly QueuePlan[];
  /** One transaction. */
  readonly marks: readonly NftCommand[];
}

/** How everything that leaves by these links is marked and queued. */
export function planTraffic(input: TrafficPlanInput): TrafficPlan {
  const { links, shares, queueing, prefer } = input;
  const queues = links.map((link) => planQueues(link, shares, queueing, prefer));
  const queued = queues.filter((queue) => queue.mode !== "none").map((queue) => queue.link);
  const sharing = new Set(queues.filter((queue) => queue.mode === "shares").map((queue) => queue.link));
  // Cake tells guests apart by itself.
  const guestLinks = queueing.cake
    ? []
    : links.filter((link) => sharing.has(link.name) && (link.guestClasses?.length ?? 0) > 0);
  const marks = markRuleset({
    links: queued,
    guestLinks: guestLinks.map((link) => link.name),
    guestClasses: [...new Set(guestLinks.flatMap((link) => link.guestClasses ?? []))],
    guestBridge: input.guestBridge,
    vmInterfaces: input.vmInterfaces,
    ports: input.ports,
    tunnelPorts: input.tunnelPorts,
  });
  return { queues, marks: queued.length > 0 ? marks : [] };
}
