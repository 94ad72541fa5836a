import type { Member, Membership } from "../../identity/index.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import type { Bundle } from "../bundle/bundle.ts";

/** Keys whose certificates are remembered. */
const MAX_KNOWN = 4_096;
/**
 * Whether somebody is vouched for is looked at again so often. Each look checks signatures, and everybody may ask for pages with fifty
 * people on them: a flood of searches would leave the box no time for anything else.
 */
const VOUCHED_FOR_MS = 10_000;

export interface TrustOptions {
  /** This box's place in the network that carries its messages; undefined while it is in none. */
  membership: () => Pick<Membership, "check" | "publicKey" | "self" | "name"> | undefined;
  /** Keys by which this box signs, or has signed, outside of any network. */
  ownKeys: () => readonly Uint8Array[];
  /** What the mesh knows of a member by its key. */
  met: (key: Uint8Array) => { chain: Uint8Array; name: string } | undefined;
  monotonicMs: () => number;
}

/**
 * Who signs as a member of this box's network: by what the mesh knows, and by certificates that came as bundles, which is
 * all that there is where boxes hear each other by LoRa alone.
 */
export class Trust {
  /** Certificates by key in hex, the longest known first. Whether they hold is asked each time: they end, and are revoked. */
  private readonly chains = new Map<string, Uint8Array>();
  /** Networks that vouch, by key in hex: a mark for people to see, by which nobody may do anything. */
  private readonly vouching = new Map<string, string>();
  private lookAgainMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: TrustOptions) {}

  /** Takes certificates in that came as a bundle whose signature holds. @returns whether its sender is a member by them */
  take({ sender, body }: Bundle): boolean {
    const { chain } = decodeBody("credentials", body);
    if (this.checked(chain, sender.key) === undefined) return false;
    const key = hexOf(sender.key);
    this.chains.delete(key);
    this.chains.set(key, chain);
    for (const oldest of this.chains.keys()) {
      if (this.chains.size <= MAX_KNOWN) break;
      this.chains.delete(oldest);
    }
    return true;
  }

  /** Whether this box itself signs, or once signed, by the key. */
  isOwn(key: Uint8Array): boolean {
    const { membership, ownKeys } = this.options;
    const own = [...ownKeys(), ...[membership()?.publicKey].filter((one) => one !== undefined)];
    return own.some((one) => Buffer.from(one).equals(key));
  }

  /** Who it is; undefined for no member of this box's network. */
  memberOf(key: Uint8Array): Member | undefined {
    const membership = this.options.membership();
    if (membership && Buffer.from(membership.publicKey).equals(key)) return membership.self;
    const chains = [this.options.met(key)?.chain, this.chains.get(hexOf(key))];
    for (const chain of chains) {
      const member = chain && this.checked(chain, key);
      if (member) return member;
    }
    return undefined;
  }

  /** Whether what the key signs counts as an operator's word: this box's own, or that of a box or an operator of the network. */
  speaksFor(key: Uint8Array): boolean {
    if (this.isOwn(key)) return true;
    const role = this.memberOf(key)?.role;
    return role === "box" || role === "operator";
  }

  /**
   * What the network is called that vouches for a key; undefined where none does that this box belongs to. Somebody who was put out may be
   * vouched for some seconds longer.
   */
  vouchedBy(key: Uint8Array): string | undefined {
    const nowMs = this.options.monotonicMs();
    if (nowMs >= this.lookAgainMs) {
      this.vouching.clear();
      this.lookAgainMs = nowMs + VOUCHED_FOR_MS;
    }
    const keyText = hexOf(key);
    const known = this.vouching.get(keyText);
    if (known !== undefined) return known;
    const network = this.memberOf(key) && this.options.membership()?.name;
    if (network !== undefined) this.vouching.set(keyText, network);
    return network;
  }

  /** What a box is called, "" where nobody has said. */
  nameOf(key: Uint8Array): string {
    return this.options.met(key)?.name || this.memberOf(key)?.name || "";
  }

  private checked(chain: Uint8Array, key: Uint8Array): Member | undefined {
    try {
      return this.options.membership()?.check(chain, key);
    } catch {
      // Expired, revoked, another network's: then it is nobody that this box knows.
      return undefined;
    }
  }
}

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString("hex");
