import type { Timers } from "../../host/timers.ts";
import type { FarNetwork } from "./far-network.ts";

/** Boxes that are no neighbours in the mesh are connected for their services until so many are in reach. */
const ENOUGH_SERVICES = 24;
/** Who could not be reached is tried again after this, later and later. */
const AGAIN_MS = 15_000;
const LONGEST_AGAIN_MS = 10 * 60_000;
const MAX_REMEMBERED = 2_000;

interface Target {
  network: FarNetwork;
  peer: string;
}

/** Opens connections to boxes that offer services and have none, one at a time. */
export class FarReach {
  private readonly tries = new Map<string, { waitMs: number; notBeforeMs: number }>();
  private isTrying = false;

  /** @param reached told when there is one more */
  constructor(
    private readonly timers: Timers,
    private readonly reached: () => void,
  ) {}

  /** @param inReach how many services are */
  want(targets: readonly Target[], inReach: number): void {
    if (this.isTrying || inReach >= ENOUGH_SERVICES) return;
    const nowMs = this.timers.monotonicMs();
    const next = targets.find(({ peer }) => nowMs >= (this.tries.get(peer)?.notBeforeMs ?? 0));
    if (next) void this.try(next);
  }

  private async try({ network, peer }: Target): Promise<void> {
    this.isTrying = true;
    const waitMs = this.tries.get(peer)?.waitMs ?? AGAIN_MS;
    if (this.tries.size >= MAX_REMEMBERED) this.tries.clear();
    const isConnected = await network.connect(peer).catch(() => false);
    this.isTrying = false;
    if (isConnected) {
      this.tries.delete(peer);
      this.reached();
      return;
    }
    const notBeforeMs = this.timers.monotonicMs() + waitMs;
    this.tries.set(peer, { waitMs: Math.min(LONGEST_AGAIN_MS, 2 * waitMs), notBeforeMs });
  }
}
