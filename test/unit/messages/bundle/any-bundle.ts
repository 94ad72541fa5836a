import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import {
  type Bundle,
  type Destination,
  KINDS,
  type Kind,
  MAX_LIFETIME_S,
  PRIORITIES,
  PRIORITY_OF,
  type Sender,
} from "../../../../src/messages/bundle/bundle.ts";
import { makeBundle, roomProblem } from "../../../../src/messages/bundle/bundle-codec.ts";
import { ANY_BODY } from "./any-body.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const room = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((name) => roomProblem(name) === undefined);
const uri = fc.oneof(
  fc.emailAddress({ size: "small" }).map((address) => `mailto:${address}`),
  fc.constantFrom("mailto:søren@日本.example", "tel:+4915112345678", "mailto:a%20b+c/d~e@x.org"),
);
const anywhere = fc.oneof(
  fc.constant<Destination>({ kind: "everyone" }),
  fc.record({ kind: fc.constant("person" as const), key }),
  fc.record({ kind: fc.constant("room" as const), room }),
  fc.constant<Destination>({ kind: "service", service: "directory" }),
  fc.record({ kind: fc.constant("outside" as const), uri }),
);

function destination(kind: Kind): fc.Arbitrary<Destination> {
  if (kind === "direct") return fc.record({ kind: fc.constant("person" as const), key });
  if (kind === "post") return fc.record({ kind: fc.constant("room" as const), room });
  return anywhere;
}

function bodyOf(kind: Kind): fc.Arbitrary<Uint8Array> {
  if (kind === "direct") return fc.uint8Array({ maxLength: 2_000 });
  const any: fc.Arbitrary<Uint8Array> = encodedBody(kind);
  return any;
}

const encodedBody = <K extends Exclude<Kind, "direct">>(kind: K): fc.Arbitrary<Uint8Array> =>
  ANY_BODY[kind].map((body) => encodeBody(kind, body));

/** Any bundle that may be, signed. */
export const anyBundle = (kind: Kind): fc.Arbitrary<Bundle> =>
  fc
    .record({
      seed: key,
      as: fc.constantFrom<Sender["as"]>(
        ...(kind === "notice" ? ["box" as const] : (["person", "guest", "box"] as const)),
      ),
      to: destination(kind),
      priority: fc.constantFrom(...PRIORITIES.slice(PRIORITIES.indexOf(PRIORITY_OF[kind].highest))),
      lifetimeS: fc.integer({ min: 1, max: MAX_LIFETIME_S }),
      createdS: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 40 })),
      sequence: fc.nat({ max: 2 ** 32 - 1 }),
      body: bodyOf(kind),
    })
    .map(({ seed, as, ...rest }) =>
      makeBundle({ kind, sender: { as, key: ed25519.getPublicKey(seed) }, ...rest }, (message) =>
        ed25519.sign(message, seed),
      ),
    );

export const bundleOfAnyKind: fc.Arbitrary<Bundle> = fc.constantFrom(...KINDS).chain(anyBundle);
