import { join } from "node:path";
import { bytesToHex } from "@noble/hashes/utils.js";
import { decode } from "cborg";
import { toBpv7 } from "../../../../src/messages/bundle/bpv7.ts";
import { bundleId, encodeBundle, namedBytes } from "../../../../src/messages/bundle/bundle-codec.ts";
import { EXAMPLES, type Example } from "./examples.ts";

export const VECTORS_FILE = join(import.meta.dir, "bundles.json");

/** A CBOR value in JSON: byte strings as `{ "hex": "…" }`. */
type Said = number | string | { hex: string } | Said[];

export interface Vector {
  name: string;
  /** Ed25519 seed, and the public key of it. */
  seed: string;
  key: string;
  /** What the bundle and its body say, as CBOR's values. */
  bundleSays: Said;
  bodySays: Said;
  body: string;
  /** What its id is the hash of, and its signature for, where it has one. */
  named: string;
  /** Empty where it has none. */
  signature: string;
  id: string;
  bundle: string;
  ageMs: number;
  /** The same as a bundle of RFC 9171. */
  bpv7: string;
}

function said(value: unknown): Said {
  if (value instanceof Uint8Array) return { hex: bytesToHex(value) };
  if (Array.isArray(value)) return value.map(said);
  if (typeof value === "number" || typeof value === "string") return value;
  throw new TypeError(`no value of a bundle: ${value}`);
}

export const vectorOf = ({ name, seed, ageMs, bundle }: Example): Vector => ({
  name,
  seed: bytesToHex(seed),
  key: bytesToHex(bundle.sender.key),
  bundleSays: said(decode(encodeBundle(bundle))),
  bodySays: bundle.kind === "direct" ? { hex: bytesToHex(bundle.body) } : said(decode(bundle.body)),
  body: bytesToHex(bundle.body),
  named: bytesToHex(namedBytes(bundle)),
  signature: bytesToHex(bundle.signature),
  id: bundleId(bundle),
  bundle: bytesToHex(encodeBundle(bundle)),
  ageMs,
  bpv7: bytesToHex(toBpv7(bundle, ageMs)),
});

// Written anew by hand: `bun test/unit/messages/vectors/vectors.ts`. A change of what is there breaks what boxes say to each other.
if (import.meta.main) await Bun.write(VECTORS_FILE, `${JSON.stringify(EXAMPLES.map(vectorOf), null, 2)}\n`);
