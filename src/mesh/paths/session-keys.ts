import { hkdfSync } from "node:crypto";
import type { PeerId } from "../engine/engine-interface.ts";
import type { SessionKeys } from "./paths-interface.ts";

export const SHARE_BYTES = 32;
const DOMAIN = "omerta-box datagram session 1";

/** One side of an agreement. */
export interface SessionShare {
  peer: PeerId;
  /** Unsigned 32 bit: what its owner wants in front of datagrams to it. */
  index: number;
  /** 32 random bytes, for this agreement alone. */
  share: Uint8Array;
}

/**
 * The keys of a pair from what each has told the other over a libp2p stream that is authenticated, encrypted and forward
 * secret: the shares are secrets to everybody else. HKDF-SHA256 (RFC 5869) over both shares, with a key for each
 * direction; ids and indexes are bound in, so that an answer put together with another agreement fits nothing.
 * @throws RangeError where a share is not {@link SHARE_BYTES} long, or both are of the same peer
 */
export function deriveSessionKeys(own: SessionShare, other: SessionShare): SessionKeys {
  if (own.share.length !== SHARE_BYTES || other.share.length !== SHARE_BYTES)
    throw new RangeError(`share: not ${SHARE_BYTES} bytes`);
  if (own.peer === other.peer) throw new RangeError("peer: a session with itself");
  const isFirst = own.peer < other.peer;
  const [first, second] = isFirst ? [own, other] : [other, own];
  const secret = new Uint8Array([...first.share, ...second.share]);
  const info = [DOMAIN, first.peer, first.index, second.peer, second.index].join("\n");
  const output = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), info, 64));
  const [toSecond, toFirst] = [output.slice(0, 32), output.slice(32)];
  return {
    localIndex: own.index,
    remoteIndex: other.index,
    sendKey: isFirst ? toSecond : toFirst,
    receiveKey: isFirst ? toFirst : toSecond,
  };
}
