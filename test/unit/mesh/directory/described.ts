import { encodeChain } from "../../../../src/identity/certificate.ts";
import { type Member, type SigningKey, signingKey } from "../../../../src/identity/index.ts";
import { Directory, type DirectoryOptions } from "../../../../src/mesh/directory/directory.ts";
import type { SelfDescription } from "../../../../src/mesh/directory/own-record.ts";
import { encodeRecord, type PeerRecord } from "../../../../src/mesh/directory/peer-record.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { fixedKey, founderChain } from "../../identity/fixed-network.ts";

/** What a box says of itself where a test does not care. */
export const description = (more: Partial<SelfDescription> = {}): SelfDescription => ({
  chain: encodeChain(founderChain),
  name: "",
  addresses: [],
  endpoints: [],
  nat: "unknown",
  relays: false,
  reachedBy: [],
  services: [],
  load: 0,
  ...more,
});

/** A key that is the same for the same number, from 0 up to 2^16. */
export const keyNumber = (number: number): SigningKey =>
  signingKey(
    Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? number & 0xff : at === 1 ? number >> 8 : 7)),
  );

export const recordOf = (
  key: SigningKey,
  sequence: number,
  more: Partial<Omit<PeerRecord, "publicKey" | "sequence">> = {},
): Uint8Array => encodeRecord({ ...description(), ...more, sequence }, key);

/** Takes everybody for a member, which it can be told to stop doing. */
export const anybody = (publicKey: Uint8Array): Member => ({
  publicKey,
  role: "box",
  name: "",
  grants: [],
  expiresAt: 0,
});

export const SELF = peerIdOf(fixedKey(9).publicKey);

/** A directory in which everybody is a member, at a time that the test sets. */
export function directoryAt(time: { nowMs: number }, options: Partial<DirectoryOptions> = {}): Directory {
  return new Directory({
    self: SELF,
    check: (_chain, publicKey) => anybody(publicKey),
    isStillMember: () => true,
    ownCame: () => {},
    monotonicMs: () => time.nowMs,
    ...options,
  });
}
