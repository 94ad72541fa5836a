import type { PeerId } from "../engine/engine-interface.ts";
import type { TunnelOffer } from "../tunnels/tunnels.ts";
import type { DeviceWish } from "../tunnels/wireguard-device.ts";

/** What an offer must be like to be taken, and what this end's interface is to be then. */
export interface TunnelWelcome {
  /** From whom; undefined: from any member. */
  peer?: PeerId;
  /** What it must say that it is for; undefined: anything. */
  purpose?: string;
  device: DeviceWish;
  /** The tunnel closes by itself after this. */
  lifetimeMs?: number;
}

export const MOST_WELCOMES = 64;

/** Tunnels that this box waits for. Each welcome holds for one. */
export class TunnelWelcomes {
  private readonly waiting = new Map<string, TunnelWelcome>();

  /** @param newId an id that no other welcome has */
  constructor(private readonly newId: () => string) {}

  /** @returns its name, by which it can be taken back @throws when there are {@link MOST_WELCOMES} already */
  add(welcome: TunnelWelcome): string {
    if (this.waiting.size >= MOST_WELCOMES) throw new Error(`there are ${MOST_WELCOMES} welcomes already`);
    const id = this.newId();
    this.waiting.set(id, welcome);
    return id;
  }

  takeBack(id: string): void {
    this.waiting.delete(id);
  }

  /** The oldest that an offer fits, which is used up by it. */
  take({ peer, purpose }: Pick<TunnelOffer, "peer" | "purpose">): TunnelWelcome | undefined {
    for (const [id, welcome] of this.waiting) {
      const isWelcome =
        (welcome.peer === undefined || welcome.peer === peer) &&
        (welcome.purpose === undefined || welcome.purpose === purpose);
      if (!isWelcome) continue;
      this.waiting.delete(id);
      return welcome;
    }
    return undefined;
  }
}
