import { checkInboxProof, type InboxChallenges } from "../../identity/index.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import { BundleError, type BundleId, type Kind } from "../bundle/bundle.ts";
import { decodeBundle, encodeBundle } from "../bundle/bundle-codec.ts";
import type { BundleStore } from "../custody/bundle-store.ts";
import type { Taken } from "../custody/custody.ts";
import type { BundleMaker } from "./bundle-maker.ts";
import type { Deliveries } from "./deliveries.ts";
import { notSent, slowDown } from "./guest-forms.ts";
import type { Delivery, NotSent, Writer } from "./guest-messages.ts";
import type { WritingLimits } from "./writing-limits.ts";

export interface PeopleDeskOptions {
  store: BundleStore;
  maker: BundleMaker;
  deliveries: Deliveries;
  limits: WritingLimits;
  /** This box's public key in its network. */
  boxKey: () => Uint8Array;
  challenges: InboxChallenges;
  monotonicMs: () => number;
}

const MAX_INBOX = 50;
const MAX_DELIVERIES = 100;
const MAX_CARDS = 20;
/** Other boxes are asked for a card that is not here so seldom. */
const LOOK_UP_EVERY_MS = 30 * 60_000;
const MAX_LOOK_UPS = 1_000;
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
  private readonly lookedUpAtMs = new Map<string, number>();

  constructor(private readonly options: PeopleDeskOptions) {}

  async submit({ station }: Writer, encoded: Uint8Array): Promise<Taken | NotSent> {
    const { store, limits } = this.options;
    let kind: Kind;
    try {
      const bundle = decodeBundle(encoded);
      kind = bundle.kind;
      if (bundle.sender.as !== "person" || !OF_PERSONS.includes(kind))
        return { refused: "form", detail: "bundle.as: a person's page hands over a person's bundles" };
    } catch (error) {
      if (error instanceof BundleError) return { refused: "form", detail: error.message };
      throw error;
    }
    if (!limits.takes(kind === "sos" ? "sos" : "bundle", station)) return slowDown();
    const taken = await store.take(encoded, 0, { by: "guest", station });
    return taken.state === "refused" ? notSent(taken) : taken;
  }

  card(key: Uint8Array): Uint8Array | undefined {
    const held = this.options.store.queries.card(key);
    if (held === undefined) this.lookUp(key);
    return held?.encoded;
  }

  cards(name: string): { key: Uint8Array; name: string; encoded: Uint8Array }[] {
    const { items } = this.options.store.queries.cards(name, undefined, MAX_CARDS);
    return items.map(({ bundle, encoded }) => ({
      key: bundle.sender.key,
      name: decodeBody("card", bundle.body).name,
      encoded,
    }));
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
    if (!checkInboxProof(request, proof, (challenge) => challenges.takeBack(challenge)))
      return { refused: "unknown", detail: "the proof does not hold" };
    return store.queries
      .inbox(key, after, MAX_INBOX)
      .map(({ order, encoded, ageMs }) => ({ order, encoded, ageS: Math.floor(ageMs / 1_000) }));
  }

  list(ids: readonly BundleId[]): Delivery[] {
    return this.options.deliveries.all(ids.slice(0, MAX_DELIVERIES));
  }

  /** Asks the other boxes for somebody's card. */
  private lookUp(key: Uint8Array): void {
    const { maker, store, monotonicMs } = this.options;
    const who = Buffer.from(key).toString("hex");
    const lastMs = this.lookedUpAtMs.get(who);
    if (lastMs !== undefined && monotonicMs() - lastMs < LOOK_UP_EVERY_MS) return;
    this.lookedUpAtMs.delete(who);
    this.lookedUpAtMs.set(who, monotonicMs());
    for (const oldest of this.lookedUpAtMs.keys()) {
      if (this.lookedUpAtMs.size <= MAX_LOOK_UPS) break;
      this.lookedUpAtMs.delete(oldest);
    }
    const to = { kind: "service", service: "directory" } as const;
    const bundle = maker.make("lookup", { of: "card", key }, { as: "box", to });
    // A question that finds no room is asked again later.
    void store.take(encodeBundle(bundle), 0, { by: "self" });
  }
}
