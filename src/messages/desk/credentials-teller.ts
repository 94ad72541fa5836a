import type { Membership } from "../../identity/index.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import { encodeBundle } from "../bundle/bundle-codec.ts";
import type { BundleStore } from "../custody/bundle-store.ts";
import type { BundleMaker } from "./bundle-maker.ts";

/** Told anew when half of their lifetime is over, so that a box that comes later still gets them. */
const RENEW_AFTER_MS = 15 * 86_400_000;

export interface CredentialsTellerOptions {
  store: BundleStore;
  maker: BundleMaker;
  membership: () => Membership | undefined;
}

/** Tells the other boxes by what certificates this one belongs to the network: those that hear it by LoRa alone know it by nothing else. */
export class CredentialsTeller {
  constructor(private readonly options: CredentialsTellerOptions) {}

  /** Tells them where that has not been done lately. To be called now and again, and when the box's certificates have changed. */
  async tell(): Promise<void> {
    const { store, maker, membership: current } = this.options;
    const membership = current();
    if (membership === undefined || membership.problem !== undefined) return;
    const chain = membership.chain();
    const own = store.queries
      .ofKind("credentials", undefined, 200)
      .items.filter(({ bundle }) => Buffer.from(bundle.sender.key).equals(membership.publicKey));
    const isTold = own.some(
      ({ bundle, ageMs }) =>
        ageMs < RENEW_AFTER_MS && Buffer.from(decodeBody("credentials", bundle.body).chain).equals(chain),
    );
    if (isTold) return;
    const bundle = maker.make("credentials", { chain }, { as: "box", to: { kind: "everyone" } });
    await store.take(encodeBundle(bundle), 0, { by: "self" });
  }
}
