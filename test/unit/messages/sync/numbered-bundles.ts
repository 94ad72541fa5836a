import { ed25519 } from "@noble/curves/ed25519.js";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import { type Bundle, type Destination, PRIORITY_OF } from "../../../../src/messages/bundle/bundle.ts";
import { encodeBundle, makeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import type { BundleStore } from "../../../../src/messages/custody/bundle-store.ts";
import type { Held } from "../../../../src/messages/custody/custody.ts";
import { openStand } from "../custody/store-stand.ts";

const SEED = new Uint8Array(32).fill(5);
const KEY = ed25519.getPublicKey(SEED);

interface Numbered {
  kind?: "check-in" | "sos";
  text?: string;
  to?: Destination;
}

/** A check-in, or a call for help, that `number` alone makes. */
export function bundleNumber(
  number: number,
  { kind = "check-in", text = "Help", to }: Numbered = {},
): Bundle {
  const place = { words: "" };
  const body =
    kind === "sos"
      ? encodeBody(kind, { text, name: "", place, people: 0, injured: 0, contact: "" })
      : encodeBody(kind, { name: `Person ${number}`, state: "safe", text, place });
  const unsigned = {
    kind,
    sender: { as: "guest" as const, key: KEY },
    to: to ?? { kind: "everyone" as const },
    priority: PRIORITY_OF[kind].usual,
    lifetimeS: 86_400,
    createdS: 0,
    sequence: number,
    body,
  };
  return makeBundle(unsigned, (message) => ed25519.sign(message, SEED));
}

/** A box's store, in memory: the medium that these tests are about is the other one. */
export const newStore = (): BundleStore => openStand().store;

/** A store that has taken these, each of an age of 1.5 s. */
export async function holding(...bundles: readonly Bundle[]): Promise<BundleStore> {
  const store = newStore();
  await Promise.all(bundles.map((bundle) => store.take(encodeBundle(bundle), 1_500, { by: "self" })));
  return store;
}

export const numbered = (from: number, count: number): Bundle[] =>
  Array.from({ length: count }, (_, index) => bundleNumber(from + index));

/** In the order in which they came. */
export function heldIn(store: BundleStore): Held[] {
  const held: Held[] = [];
  for (;;) {
    const page = store.queries.since(held.at(-1)?.order ?? 0);
    if (page.length === 0) return held;
    held.push(...page);
  }
}
