/** What a member is, and so what it may do. */
export const ROLES = ["box", "person", "operator", "requester"] as const;
export type Role = (typeof ROLES)[number];

/** Somebody whose certificates hold in a network. */
export interface Member {
  /** Raw Ed25519 public key, 32 bytes: the member's name in this network, and in no other. */
  publicKey: Uint8Array;
  role: Role;
  /** What its issuer calls it; may be empty. */
  name: string;
  /** Roles that it may certify by itself. */
  grants: readonly Role[];
  /** Seconds since 1970; 0: never. */
  expiresAt: number;
}

/** What the transports ask of this box's membership in one network. */
export interface Passport {
  /** Seed of this box's Ed25519 key in this network, 32 bytes (RFC 8032). Derived from the device key, another one in each network. */
  readonly seed: Uint8Array;
  /** This box's certificates, encoded, at most {@link MAX_CHAIN_BYTES}. */
  chain(): Uint8Array;
  /**
   * Checks what another shows as its certificates, and that they are `publicKey`'s.
   * @throws {CertificateError} with the reason in words: another network, expired, revoked, malformed
   */
  check(chain: Uint8Array, publicKey: Uint8Array): Member;
  /** Whether one that was checked still is a member: false once it has been revoked or has expired. */
  isStillMember(publicKey: Uint8Array): boolean;
  /**
   * The signed statement that has put out somebody whom a chain stands on, where there is one: who is refused by it is
   * given it, and so knows of it from then on, for it needs another key to come back.
   */
  proofAgainst?(chain: Uint8Array): Uint8Array | undefined;
  /** Takes in a signed statement, from whomever. @throws when it is none */
  accept?(statement: Uint8Array): unknown;
  /** The network's shared keys that still hold, 32 bytes each, the newest first. */
  sharedKeys(): readonly Uint8Array[];
}

export const MAX_CHAIN_BYTES = 2_048;
