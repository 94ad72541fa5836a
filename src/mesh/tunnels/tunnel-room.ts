import type { PeerId } from "../engine/engine-interface.ts";

export interface TunnelQuotas {
  /** Tunnels at a time, opened and accepted together. */
  tunnels: number;
  /** Of them with one peer. */
  tunnelsPerPeer: number;
}

/** More tunnels are open than the operator allows. */
export class TunnelQuotaError extends Error {
  override readonly name = "TunnelQuotaError";
}

/** Room for tunnels: those that are being made count as much as those that there are. */
export class TunnelRoom {
  private readonly making = new Set<{ peer: PeerId; done: Promise<unknown> }>();

  /** @param standing the other end of each tunnel that there is */
  constructor(
    private readonly quotas: TunnelQuotas,
    private readonly standing: () => readonly PeerId[],
  ) {}

  /** Makes one where there is room. @throws {TunnelQuotaError} */
  async within<T>(peer: PeerId, make: () => Promise<T>): Promise<T> {
    this.check(peer);
    const done = make();
    const one = { peer, done };
    this.making.add(one);
    try {
      return await done;
    } finally {
      this.making.delete(one);
    }
  }

  /** Kept when nothing is being made any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.making].map(({ done }) => done));
  }

  private check(peer: PeerId): void {
    const { tunnels, tunnelsPerPeer } = this.quotas;
    const peers = [...[...this.making].map((one) => one.peer), ...this.standing()];
    if (peers.length >= tunnels) throw new TunnelQuotaError(`there are ${tunnels} tunnels already`);
    const ofPeer = peers.filter((other) => other === peer).length;
    if (ofPeer >= tunnelsPerPeer) throw new TunnelQuotaError(`there are ${ofPeer} tunnels with ${peer}`);
  }
}
