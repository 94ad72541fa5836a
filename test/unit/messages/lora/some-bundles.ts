import fc from "fast-check";
import type { MessagingBox } from "../../../../src/bench/lora/messaging-boxes.ts";
import type { Bundle, Destination, Kind } from "../../../../src/messages/bundle/bundle.ts";
import { KINDS, PRIORITY_OF } from "../../../../src/messages/bundle/bundle.ts";
import { encodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";

let made = 0;

/** A key that nobody has the secret of. */
export const keyOf = (person: number): Uint8Array =>
  new Uint8Array(32).map((_, at) => person * 7 + at * 13 + 1);

/** A bundle of its own; nobody here looks at its signature. */
export function bundleOf(from: number, what: Partial<Bundle> & { kind: Kind; to: Destination }): Bundle {
  made += 1;
  return {
    sender: { as: "person", key: keyOf(from) },
    priority: PRIORITY_OF[what.kind].usual,
    lifetimeS: 86_400,
    createdS: 0,
    sequence: made,
    body: new Uint8Array(40).fill(made),
    signature: new Uint8Array(64).fill(made % 255 || 1),
    ...what,
  };
}

/** A guest of this box hands it over. */
export const submit = (box: MessagingBox | undefined, bundle: Bundle) =>
  void box?.custody.take(encodeBundle(bundle), 0, { by: "guest", station: "02:00:00:00:00:01" });

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const destination: fc.Arbitrary<Destination> = fc.oneof(
  fc.constant<Destination>({ kind: "everyone" }),
  bytes(32).map((key): Destination => ({ kind: "person", key })),
  fc.constantFrom("square", "Küche 2", "кухня").map((room): Destination => ({ kind: "room", room })),
  fc.constant<Destination>({ kind: "service", service: "directory" }),
  fc.constant<Destination>({ kind: "outside", uri: "mailto:a@example.org" }),
);

/** Bundles of every kind that may go by LoRa. */
export const anyBundle: fc.Arbitrary<Bundle> = fc
  .record({
    kind: fc.constantFrom(...KINDS.filter((kind) => kind !== "photo")),
    sender: fc.record({
      as: fc.constantFrom("person" as const, "guest" as const, "box" as const),
      key: bytes(32),
    }),
    to: destination,
    lifetimeS: fc.oneof(fc.integer({ min: 1, max: 30 * 86_400 }), fc.constantFrom(3600, 86_400, 7 * 86_400)),
    createdS: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.integer({ min: 2 ** 32, max: 2 ** 40 }),
    ),
    sequence: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    body: fc.uint8Array({ maxLength: 300 }),
    signature: fc.oneof(bytes(64), bytes(0)),
  })
  .map((bundle) => ({ ...bundle, priority: PRIORITY_OF[bundle.kind].usual }));
