import type { DeviceWish, TunnelDevice } from "./wireguard-device.ts";
import type { WireGuardStatus } from "./wireguard-dump.ts";

/**
 * An end whose interface somebody else makes, keys and removes, as a lease does its own: the tunnel finds out where it is to
 * send to, and says so. WireGuard has one endpoint a peer, so what it sends goes there and nowhere else.
 */
export interface KeptEnd extends Pick<TunnelDevice, "name" | "setPeer" | "status"> {
  /** Own public key, base64. */
  readonly publicKey: string;
  /** UDP. */
  readonly listenPort: number;
  /** The other end's public key, base64: it is pointed at nobody else. */
  readonly peerKey: string;
  /** Has it send something at once, and keep its way open from then on. @returns as {@link TunnelDevice.status} */
  stir(): Promise<WireGuardStatus | undefined>;
  /** The tunnel closes by itself after this. */
  readonly lifetimeMs?: number;
}

/** What one end of a tunnel is to be: an interface that is made for it, or one that is there. */
export type EndWish = DeviceWish | KeptEnd;

export const isKept = (wish: EndWish): wish is KeptEnd => "stir" in wish;

/** The other end has shown another key than the one that it was to have. */
export class KeptEndError extends Error {
  override readonly name = "KeptEndError";
}

/** A kept end, as a tunnel uses its interface: it makes nothing, and leaves it as it is when it is over. */
export function deviceOf(end: KeptEnd): TunnelDevice {
  return {
    get name() {
      return end.name;
    },
    ensure: async () => ({ publicKey: end.publicKey, listenPort: end.listenPort }),
    async setPeer(peer) {
      if (peer.publicKey !== end.peerKey)
        throw new KeptEndError(`${end.name}: this is not the other end's key`);
      await end.setPeer(peer);
    },
    status: () => end.status(),
    async remove() {
      // It goes on where it is, or has gone already.
      await end.stir().catch(() => undefined);
    },
  };
}

const PURPOSE = "lease ";

/** What a tunnel is for that belongs to a lease. @param lease its id, which its requester and its provider alone know */
export const leasePurpose = (lease: string): string => `${PURPOSE}${lease}`;

/** @returns the lease's id; undefined: the tunnel is for something else */
export const leaseOfPurpose = (purpose: string): string | undefined =>
  purpose.startsWith(PURPOSE) ? purpose.slice(PURPOSE.length) : undefined;
