import type { PeerId } from "../engine/engine-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import type { FlowSide, FlowState } from "./relay-flow.ts";
import type { RelaySlots } from "./relay-ground.ts";
import type { Counted, PlannedFlow, RelayQuotas } from "./relay-ruleset.ts";
import type { RelaySockets } from "./relay-sockets.ts";

/** A tunnel that is relayed, with what it holds of the box. */
export interface Flow {
  id: Uint8Array;
  requester: PeerId;
  other: PeerId;
  family: 4 | 6;
  slot: number;
  sockets: RelaySockets;
  state: FlowState;
  untilMs: number;
  counted: Record<FlowSide, Counted>;
}

/** What is told of a flow. */
export interface RelayedStatus {
  requester: PeerId;
  other: PeerId;
  /** Where the ends are, once known. */
  ends?: Record<FlowSide, Endpoint>;
  counted: Record<FlowSide, Counted>;
}

/** A relay has no room for one more. */
export class RelayFull extends Error {}

/** Flows are known under the name of who asks as well: nobody else can end or change one. */
export const flowKey = (id: Uint8Array, requester: PeerId): string =>
  `${Buffer.from(id).toString("hex")} ${requester}`;

/** The flows that a relay holds, those that are being opened among them. */
export class RelayFlows {
  private readonly flows = new Map<string, Flow>();
  private readonly opening = new Map<string, Promise<void>>();

  constructor(
    private readonly quotas: Pick<RelayQuotas, "tunnels" | "tunnelsPerPeer">,
    private readonly slots: RelaySlots,
  ) {}

  get(key: string): Flow | undefined {
    return this.flows.get(key);
  }

  all(): [key: string, flow: Flow][] {
    return [...this.flows];
  }

  /** Opens one, once at a time for each key. */
  open(key: string, open: () => Promise<void>): void {
    if (this.opening.has(key)) return;
    // The next turn, so that it is among those that are being opened from its beginning.
    const opened = Promise.resolve()
      .then(open)
      .finally(() => this.opening.delete(key));
    this.opening.set(key, opened);
  }

  /** Kept when none is being opened any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.opening.values());
  }

  /** Of one that is being opened. @throws {RelayFull} */
  checkRoom(requester: PeerId): void {
    const { tunnels, tunnelsPerPeer } = this.quotas;
    const keys = [...new Set([...this.flows.keys(), ...this.opening.keys()])];
    if (keys.length > tunnels) throw new RelayFull("no room for more tunnels");
    const ofRequester = keys.filter((key) => key.endsWith(` ${requester}`));
    if (ofRequester.length > tunnelsPerPeer) throw new RelayFull("no room for more tunnels of one member");
  }

  add(key: string, flow: Omit<Flow, "slot" | "state" | "counted">): Flow {
    const none = { packets: 0, bytes: 0 };
    const added = {
      ...flow,
      slot: this.slots.take(),
      state: { halves: [] },
      counted: { a: none, b: none },
    };
    this.flows.set(key, added);
    return added;
  }

  end(key: string): void {
    const flow = this.flows.get(key);
    if (!flow) return;
    this.flows.delete(key);
    this.slots.giveBack(flow.slot);
    flow.sockets.close();
  }
}

/** Whether it is held at addresses that are no longer the box's, or not at all that are: nobody may find it there. */
export function isMisplaced({ sockets }: Flow, addresses: readonly string[]): boolean {
  const held = sockets.addresses;
  return held.length !== addresses.length || held.some((address) => !addresses.includes(address));
}

/** Whether an end uses an address that is no longer the box's; or anybody would, where the ends are not known. */
export function isCutOff({ sockets, state: { a, b } }: Flow, addresses: readonly string[]): boolean {
  const used = a && b ? [a.local, b.local] : [];
  const isGone = (address: string) => !addresses.includes(address);
  return used.length > 0 ? used.some(isGone) : sockets.addresses.every(isGone);
}

export const plannedFlow = ({ slot, family, sockets, state: { a, b }, counted }: Flow): PlannedFlow => ({
  ...{ slot, family, ports: sockets.ports, counted },
  ...(a && b ? { ends: { a, b } } : {}),
});

export const statusOf = ({ requester, other, state: { a, b }, counted }: Flow): RelayedStatus => ({
  requester,
  other,
  ...(a && b ? { ends: { a: a.remote, b: b.remote } } : {}),
  counted,
});
