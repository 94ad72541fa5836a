import { wireGuardPublicKey } from "../../host/wireguard-key.ts";
import type { KeptEnd } from "../../mesh/tunnels/kept-end.ts";
import type { Egress } from "../egress/index.ts";
import type { LeaseNames } from "../guest-link.ts";
import type { LeaseRequest } from "../request/index.ts";

/** Of what a lease was asked with, what its tunnel needs. */
export interface TunnelOrder {
  request: Pick<LeaseRequest, "tunnel" | "durationS">;
  tunnel: { privateKey: string; listenPort: number };
}

/** Suspensions do not count as a lease's time: its end is told, and this is for the case that nobody hears it. */
const AFTER_ITS_TIME_MS = 3_600_000;

/**
 * The box's end of a lease's tunnel, for the mesh to point at wherever its requester is. It stays as it is otherwise: one
 * peer, the requester's key.
 * @param names what it is called by now: a lease whose waiting machine fails goes on with one of its own
 */
export function tunnelEndOf(
  egress: Pick<Egress, "point" | "stir" | "tunnelStatus">,
  { request, tunnel }: TunnelOrder,
  names: () => LeaseNames,
): KeptEnd {
  const peerKey = request.tunnel.publicKey;
  return {
    get name() {
      return names().tunnel;
    },
    ...{ publicKey: wireGuardPublicKey(tunnel.privateKey), listenPort: tunnel.listenPort, peerKey },
    lifetimeMs: request.durationS * 1_000 + AFTER_ITS_TIME_MS,
    setPeer: (peer) => egress.point(names(), peer),
    stir: () => egress.stir(names(), peerKey),
    status: () => egress.tunnelStatus(names()),
  };
}
