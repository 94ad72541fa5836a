import type { Bodies } from "../bundle/bodies.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import type { Bundle, BundleId } from "../bundle/bundle.ts";
import { bundleId, decodeBundle } from "../bundle/bundle-codec.ts";
import type { Source } from "./custody.ts";
import { searchable } from "./search-name.ts";

/** The body of a bundle, by its kind; a direct message's is sealed. */
export type Opened = { [K in keyof Bodies]: { kind: K; body: Bodies[K] } }[keyof Bodies] | { kind: "direct" };

/** What is kept of a bundle's body, so that it is found. */
export interface Facts {
  /** What it belongs to or answers. */
  about: BundleId | null;
  /** Whose check-in it is: a later one of the same takes its place in the list. */
  subject: string | null;
  /** As it is searched. */
  name: string | null;
  /** Of a card. */
  version: number | null;
}

export interface ReadBundle {
  id: BundleId;
  bundle: Bundle;
  encoded: Uint8Array;
  opened: Opened;
  facts: Facts;
}

/**
 * Reads a bundle and its body.
 * @throws {BundleError} where either is none
 */
export function readBundle(encoded: Uint8Array): ReadBundle {
  const bundle = decodeBundle(encoded);
  const opened = openBundle(bundle);
  const id = bundleId(bundle);
  return { id, bundle, encoded, opened, facts: factsOf(id, bundle, opened) };
}

/** @throws {BundleError} */
function openBundle({ kind, body }: Bundle): Opened {
  switch (kind) {
    case "direct":
      return { kind };
    case "sos":
      return { kind, body: decodeBody(kind, body) };
    case "check-in":
      return { kind, body: decodeBody(kind, body) };
    case "post":
      return { kind, body: decodeBody(kind, body) };
    case "notice":
      return { kind, body: decodeBody(kind, body) };
    case "receipt":
      return { kind, body: decodeBody(kind, body) };
    case "lookup":
      return { kind, body: decodeBody(kind, body) };
    case "card":
      return { kind, body: decodeBody(kind, body) };
    case "removal":
      return { kind, body: decodeBody(kind, body) };
    case "photo":
      return { kind, body: decodeBody(kind, body) };
    case "credentials":
      return { kind, body: decodeBody(kind, body) };
  }
}

function factsOf(id: BundleId, { sender, to }: Bundle, opened: Opened): Facts {
  const facts: Facts = { about: null, subject: null, name: null, version: null };
  switch (opened.kind) {
    case "check-in": {
      // What is for one person alone is in nobody's list.
      if (to.kind !== "everyone") return facts;
      const name = searchable(opened.body.name);
      // Guests of one box have one key, and anybody can write any name: no guest's check-in hides another's.
      const who = sender.as === "person" ? name : id;
      return { ...facts, name, subject: `${hex(sender.key)} ${who}` };
    }
    case "card":
      return { ...facts, name: searchable(opened.body.name), version: opened.body.version };
    case "photo":
      return { ...facts, about: opened.body.of };
    case "post":
      return { ...facts, about: opened.body.replyTo ?? null };
    default:
      return facts;
  }
}

/** By whom a bundle counts against what one may hold: guests without a key by their station, those of other boxes by the box. */
export function holderOf({ sender }: Bundle, source: Source): string {
  if (sender.as === "guest" && source.by === "guest") return `station ${source.station}`;
  return `${sender.as} ${hex(sender.key)}`;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
