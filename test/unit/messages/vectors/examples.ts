import { ed25519 } from "@noble/curves/ed25519.js";
import { hexToBytes } from "@noble/hashes/utils.js";
import type { Bodies } from "../../../../src/messages/bundle/bodies.ts";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import {
  type Bundle,
  type Destination,
  type Kind,
  PRIORITY_OF,
  type Sender,
  SQUARE,
} from "../../../../src/messages/bundle/bundle.ts";
import { leaveUnsigned, makeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";

export interface Example {
  name: string;
  /** Ed25519 seed of the sender. */
  seed: Uint8Array;
  ageMs: number;
  bundle: Bundle;
}

const ID = "000102030405060708090a0b";
const OTHER_ID = "f0f1f2f3f4f5f6f7f8f9fafb";
const EVERYONE: Destination = { kind: "everyone" };
const PERSON: Destination = { kind: "person", key: ed25519.getPublicKey(new Uint8Array(32).fill(2)) };
const DAY_S = 86_400;

const example = <K extends Exclude<Kind, "direct">>(
  name: string,
  kind: K,
  body: Bodies[K],
  as: Sender["as"],
  to: Destination = EVERYONE,
): Example => signed(name, kind, encodeBody(kind, body), as, to);

function signed(name: string, kind: Kind, body: Uint8Array, as: Sender["as"], to: Destination): Example {
  const seed = new Uint8Array(32).fill({ person: 1, guest: 3, box: 3 }[as]);
  const unsigned = {
    kind,
    sender: { as, key: ed25519.getPublicKey(seed) },
    to,
    priority: PRIORITY_OF[kind].usual,
    lifetimeS: 7 * DAY_S,
    createdS: as === "person" ? Date.UTC(2026, 6, 1, 12) / 1_000 : 0,
    sequence: 0x01020304,
    body,
  };
  const bundle = makeBundle(unsigned, (message) => ed25519.sign(message, seed));
  return { name, seed, ageMs: 90_061_001, bundle };
}

function unsigned(example: Example, name: string): Example {
  const { signature, ...bundle } = example.bundle;
  return { ...example, name, bundle: leaveUnsigned(bundle) };
}

const SEALED = signed("direct message, sealed", "direct", hexToBytes("00ff".repeat(40)), "person", PERSON);

/** One bundle, at least, of every kind, destination and sort of sender. */
export const EXAMPLES: readonly Example[] = [
  example(
    "sos with all that can be said",
    "sos",
    {
      text: "Water is rising.\nWe are on the roof.",
      name: "Amira",
      place: { words: "School, Mill Street 4", at: { latitudeE6: 52_520_008, longitudeE6: -13_404_954 } },
      people: 5,
      injured: 2,
      batteryPercent: 8,
      contact: "+49 30 1234567, channel 4",
    },
    "guest",
  ),
  example(
    "sos with nothing but words",
    "sos",
    { text: "نحتاج إلى طبيب", name: "", place: { words: "" }, people: 0, injured: 0, contact: "" },
    "guest",
  ),
  example(
    "check-in for everybody",
    "check-in",
    {
      name: "José 🌊",
      state: "safe",
      text: "",
      place: { words: "Gym", at: { latitudeE6: -90_000_000, longitudeE6: 180_000_000 } },
    },
    "guest",
  ),
  example(
    "check-in for a mail address outside",
    "check-in",
    { name: "Zoë", state: "on-the-move", text: "We walk north.", place: { words: "" } },
    "guest",
    { kind: "outside", uri: "mailto:family@example.org" },
  ),
  SEALED,
  unsigned(SEALED, "direct message, sealed and not signed"),
  example("post", "post", { name: "Lin", text: "Bread at noon." }, "person", { kind: "room", room: SQUARE }),
  example("post that answers", "post", { name: "", text: "謝謝", replyTo: ID }, "guest", {
    kind: "room",
    room: "Größe 7",
  }),
  example("notice", "notice", { level: "danger", text: "Do not drink the water." }, "box"),
  example(
    "receipt of two",
    "receipt",
    { state: "delivered", of: [ID, OTHER_ID], note: "" },
    "person",
    PERSON,
  ),
  example(
    "receipt of an operator",
    "receipt",
    { state: "handed-over", of: [ID], note: "To the fire brigade." },
    "box",
  ),
  example("lookup of a card", "lookup", { of: "card", key: new Uint8Array(32).fill(9) }, "box", {
    kind: "service",
    service: "directory",
  }),
  example("lookup of a name", "lookup", { of: "name", name: "Amira" }, "box", {
    kind: "service",
    service: "directory",
  }),
  example(
    "card",
    "card",
    { name: "Amira", prekey: new Uint8Array(32).fill(8), prekeyNumber: 3, version: 2 ** 33 },
    "person",
  ),
  example("removal", "removal", { of: ID, reason: "An advertisement." }, "box"),
  example("photo", "photo", { of: ID, image: hexToBytes("ffd8ffe000104a464946") }, "person"),
  example("credentials", "credentials", { chain: hexToBytes("8101") }, "box"),
];
