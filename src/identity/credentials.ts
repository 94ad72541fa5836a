import { CertificateError, type Chain, encodeChain } from "./certificate.ts";
import { isSameKey, openChain } from "./chain-check.ts";
import { type Issuer, isNoLess, isSameButForTime } from "./issuing.ts";
import { type MembershipData, toBytes, toText } from "./membership-document.ts";
import { type SigningKey, signingKey } from "./signing-key.ts";
import type { Signer } from "./statement.ts";

/** Where a membership is kept: what cannot be written holds until the restart. */
export interface MembershipStore {
  readonly data: MembershipData;
  update(change: (data: MembershipData) => void): void;
}

/** This box's keys and certificates in one network, as its store has them. */
export class Credentials {
  private read: { data: string; key: SigningKey; chain: Chain } | undefined;

  constructor(
    private readonly store: MembershipStore,
    private readonly network: Uint8Array,
  ) {}

  /** @throws {CertificateError} when what is kept does not fit together */
  check(): void {
    const { founderKey, key, chain } = this;
    if (founderKey !== undefined && !isSameKey(founderKey.publicKey, this.network)) {
      throw new CertificateError("networkSeed", "is not the network's");
    }
    if (!isSameKey(chain[0].subject, key.publicKey)) {
      throw new CertificateError("chain.0.subject", "is not this box");
    }
  }

  get key(): SigningKey {
    return this.current.key;
  }

  get chain(): Chain {
    return this.current.chain;
  }

  /** The network's own key, on its founder's box. */
  get founderKey(): SigningKey | undefined {
    const { networkSeed } = this.store.data;
    return networkSeed === null ? undefined : signingKey(toBytes(networkSeed));
  }

  /** Who certifies on this box: the network's own key where it is here, so that chains stay short. */
  get issuer(): Issuer {
    const { founderKey, network } = this;
    return founderKey === undefined
      ? { network, key: this.key, chain: this.chain }
      : { network, key: founderKey, chain: [] };
  }

  /** Who speaks as this box. */
  get member(): Signer {
    return { key: this.key, chain: encodeChain(this.chain) };
  }

  replace(chain: Chain, key = this.key, generation = this.store.data.generation): void {
    this.store.update((data) => {
      data.memberSeed = toText(key.seed);
      data.generation = generation;
      data.chain = toText(encodeChain(chain));
    });
  }

  /**
   * Takes other certificates of the same key where they are no less than the present ones, or these hold no longer.
   * @returns whether they were taken
   */
  improveBy(chain: Chain, holds: boolean): boolean {
    const isBetter = !holds || (isNoLess(chain, this.chain) && !isSameButForTime(chain, this.chain));
    if (!isBetter || toText(encodeChain(chain)) === this.store.data.chain) return false;
    this.replace(chain);
    return true;
  }

  /** The key that this device has in the network, or the next that is not out. @param keyOf this device's keys there */
  nextKey(
    keyOf: (generation: number) => SigningKey,
    isOut: (key: SigningKey) => boolean,
  ): { key: SigningKey; generation: number } {
    let { key } = this;
    let { generation } = this.store.data;
    while (isOut(key)) {
      generation += 1;
      key = keyOf(generation);
    }
    return { key, generation };
  }

  private get current(): { key: SigningKey; chain: Chain } {
    const { memberSeed, chain } = this.store.data;
    const data = `${memberSeed} ${chain}`;
    if (this.read?.data !== data) {
      this.read = {
        data,
        key: signingKey(toBytes(memberSeed)),
        chain: openChain(toBytes(chain), this.network),
      };
    }
    return this.read;
  }
}
