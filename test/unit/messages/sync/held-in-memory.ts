import { ed25519 } from "@noble/curves/ed25519.js";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import {
  type Bundle,
  BundleError,
  type BundleId,
  PRIORITY_OF,
} from "../../../../src/messages/bundle/bundle.ts";
import {
  bundleId,
  decodeBundle,
  encodeBundle,
  makeBundle,
  verifyBundle,
} from "../../../../src/messages/bundle/bundle-codec.ts";
import type { Custody, Held, Outline, Source, Taken } from "../../../../src/messages/custody/custody.ts";

const SEED = new Uint8Array(32).fill(5);
const KEY = ed25519.getPublicKey(SEED);

/** A check-in, or a call for help, that `number` alone makes. */
export function bundleNumber(number: number, kind: "check-in" | "sos" = "check-in", text = ""): Bundle {
  const place = { words: "" };
  const body =
    kind === "sos"
      ? encodeBody(kind, { text: `Help ${number}`, name: "", place, people: 0, injured: 0, contact: "" })
      : encodeBody(kind, { name: `Person ${number}`, state: "safe", text, place });
  const unsigned = {
    kind,
    sender: { as: "guest" as const, key: KEY },
    to: { kind: "everyone" as const },
    priority: PRIORITY_OF[kind].usual,
    lifetimeS: 86_400,
    createdS: 0,
    sequence: number,
    body,
  };
  return makeBundle(unsigned, (message) => ed25519.sign(message, SEED));
}

/** What carriers need of custody, without a medium: for tests of what is on theirs. */
export class HeldInMemory implements Pick<Custody, "take" | "knows" | "get" | "outline"> {
  readonly held = new Map<BundleId, Held>();

  async take(encoded: Uint8Array, ageMs: number, source: Source): Promise<Taken> {
    try {
      const bundle = decodeBundle(encoded);
      const holds = verifyBundle(bundle, (key, message, signature) =>
        ed25519.verify(signature, message, key),
      );
      if (!holds) return { state: "refused", reason: "malformed", detail: "signature" };
      if (ageMs >= bundle.lifetimeS * 1_000) return { state: "refused", reason: "expired", detail: "" };
      const id = bundleId(bundle);
      if (this.held.has(id)) return { state: "known", id };
      this.held.set(id, { id, bundle, encoded, ageMs, source, order: this.held.size + 1 });
      return { state: "new", id };
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      return { state: "refused", reason: "malformed", detail: error.message };
    }
  }

  async add(...bundles: readonly Bundle[]): Promise<this> {
    for (const bundle of bundles) await this.take(encodeBundle(bundle), 1_500, { by: "self" });
    return this;
  }

  knows(id: BundleId): boolean {
    return this.held.has(id);
  }

  get(id: BundleId): Held | undefined {
    return this.held.get(id);
  }

  *outline(): Iterable<Outline> {
    for (const { id, bundle, encoded } of this.held.values())
      yield { id, priority: bundle.priority, bytes: encoded.length };
  }
}
