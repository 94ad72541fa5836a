import {
  type DeviceKey,
  type Membership,
  memberKey,
  type SigningKey,
  signingKey,
} from "../identity/index.ts";

/** What takes the place of a network's key while the box belongs to none. */
const NO_NETWORK = new Uint8Array(32);

/** Keys by which this box signs what it says, and what its guests say who have no key. */
export class SigningKeys {
  private readonly alone: SigningKey;
  private kept: { seed: Uint8Array; key: SigningKey } | undefined;

  /** @param membership in the network that carries this box's messages */
  constructor(
    device: Pick<DeviceKey, "privateKey">,
    private readonly membership: () => Pick<Membership, "seed"> | undefined,
  ) {
    this.alone = memberKey(device, NO_NETWORK);
  }

  current(): SigningKey {
    const seed = this.membership()?.seed;
    if (seed === undefined) return this.alone;
    if (!this.kept || !Buffer.from(this.kept.seed).equals(seed)) this.kept = { seed, key: signingKey(seed) };
    return this.kept.key;
  }

  /** Also those from before the box belonged to a network: what was signed by them is still its own. */
  all(): readonly SigningKey[] {
    const current = this.current();
    return current === this.alone ? [current] : [current, this.alone];
  }
}
