import { checkInboxProof, type InboxChallenges } from "../../identity/index.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import { tidyName } from "../bundle/body-text.ts";
import { type Bundle, BundleError, type BundleId, type Kind } from "../bundle/bundle.ts";
import { bundleId, decodeBundle, isSigned } from "../bundle/bundle-codec.ts";
import type { BundleStore } from "../custody/bundle-store.ts";
import type { Held, Taken } from "../custody/custody.ts";
import type { Deliveries } from "./deliveries.ts";
import { notSent } from "./guest-forms.ts";
import type { Delivery, FoundCard, KnownCard, NotSent, Writer } from "./guest-messages.ts";
import type { Trust } from "./trust.ts";
import type { WritingGate } from "./writing-gate.ts";

export interface PeopleDeskOptions {
  store: BundleStore;
  deliveries: Deliveries;
  gate: WritingGate;
  /** This box's public key in its network. */
  boxKey: () => Uint8Array;
  challenges: InboxChallenges;
  trust: Pick<Trust, "vouchedBy">;
  /** Somebody has shown to be at this box. */
  isHere: (key: Uint8Array) => void;
}

const MAX_INBOX = 50;
const MAX_DELIVERIES = 100;
const MAX_CARDS = 20;
/** What a person's own device may hand over. A notice is a box's. */
const OF_PERSONS: readonly Kind[] = [
  "sos",
  "check-in",
  "direct",
  "post",
  "receipt",
  "lookup",
  "card",
  "removal",
  "photo",
  "credentials",
];

/** What people with a key of their own do: their page makes, signs and seals the bundles. */
export class PeopleDesk {
  constructor(private readonly options: PeopleDeskOptions) {}

  async submit(writer: Writer, encoded: Uint8Array): Promise<Taken | NotSent> {
    const { store, gate } = this.options;
    let bundle: Bundle;
    try {
      bundle = decodeBundle(encoded);
      if (bundle.sender.as !== "person" || !OF_PERSONS.includes(bundle.kind))
        return { refused: "form", detail: "bundle.as: a person's page hands over a person's bundles" };
    } catch (error) {
      if (error instanceof BundleError) return { refused: "form", detail: error.message };
      throw error;
    }
    const person = signerOf(bundle);
    const refused = this.gateRefusal(writer, bundle, person);
    if (refused) return refused;
    const taken = await store.take(encoded, 0, { by: "guest", station: writer.station });
    if (taken.state === "refused") return notSent(taken);
    // Only now is it known that it was this person.
    if (taken.state === "new" && person !== undefined) gate.written(person);
    return taken;
  }

  private gateRefusal(
    { station, work }: Writer,
    bundle: Bundle,
    person: string | undefined,
  ): NotSent | undefined {
    // However much somebody has written, they may call for help.
    const isCall = bundle.kind === "sos";
    const brought = person === undefined || isCall ? { work } : { work, person };
    const what = bundle.kind === "sos" || bundle.kind === "check-in" ? bundle.kind : "bundle";
    return this.options.gate.refusal({ what, station, message: bundleId(bundle) }, brought);
  }

  card(key: Uint8Array): KnownCard | undefined {
    const held = this.options.store.queries.card(key);
    return held && this.known(held);
  }

  cards(name: string): FoundCard[] {
    const { items } = this.options.store.queries.cards(name, undefined, MAX_CARDS);
    return items.map((held) => ({
      ...this.known(held),
      key: held.bundle.sender.key,
      name: tidyName(decodeBody("card", held.bundle.body).name),
    }));
  }

  private known({ bundle, encoded }: Held): KnownCard {
    const vouchedBy = this.options.trust.vouchedBy(bundle.sender.key);
    return vouchedBy === undefined ? { encoded } : { encoded, vouchedBy };
  }

  inboxChallenge(): { box: Uint8Array; challenge: Uint8Array } {
    const { boxKey, challenges } = this.options;
    return { box: boxKey(), challenge: challenges.give() };
  }

  inbox(
    key: Uint8Array,
    proof: Uint8Array,
    after: number,
  ): { order: number; encoded: Uint8Array; ageS: number }[] | NotSent {
    const { boxKey, challenges, store } = this.options;
    const request = { box: boxKey(), key, after };
    if (!checkInboxProof(request, proof, challenges))
      return { refused: "unknown", detail: "the proof does not hold" };
    this.options.isHere(key);
    return store.queries
      .inbox(key, after, MAX_INBOX)
      .map(({ order, encoded, ageMs }) => ({ order, encoded, ageS: Math.floor(ageMs / 1_000) }));
  }

  list(ids: readonly BundleId[]): Delivery[] {
    return this.options.deliveries.all(ids.slice(0, MAX_DELIVERIES));
  }
}

/** By its own word, as hex, until the store has looked at the signature; undefined for what is left to its seal, which may name anybody. */
const signerOf = (bundle: Bundle): string | undefined =>
  isSigned(bundle) ? Buffer.from(bundle.sender.key).toString("hex") : undefined;
