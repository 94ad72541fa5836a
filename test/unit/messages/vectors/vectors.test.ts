import { describe, expect, test } from "bun:test";
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { join } from "node:path";
import { hexToBytes } from "@noble/hashes/utils.js";
import { run } from "../../../../src/host/run.ts";
import { fromBpv7 } from "../../../../src/messages/bundle/bpv7.ts";
import { KINDS } from "../../../../src/messages/bundle/bundle.ts";
import { decodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import { describeNeeding } from "../../../needs.ts";
import { EXAMPLES } from "./examples.ts";
import { VECTORS_FILE, type Vector, vectorOf } from "./vectors.ts";

/** RFC 8410: what stands before a seed and a public key of Ed25519 in DER. */
const PKCS8 = "302e020100300506032b657004220420";
const SPKI = "302a300506032b6570032100";

const VECTORS: Vector[] = await Bun.file(VECTORS_FILE).json();
const der = (head: string, hex: string) => Buffer.from(head + hex, "hex");

describe("The vectors of bundles", () => {
  test("are what this code writes", () => {
    expect(EXAMPLES.map(vectorOf)).toEqual(VECTORS);
    expect([...new Set(EXAMPLES.map(({ bundle }) => bundle.kind))].sort()).toEqual([...KINDS].sort());
  });

  test("are read as the bundles that they were written from", () => {
    for (const [index, { bundle, ageMs }] of EXAMPLES.entries()) {
      const vector = VECTORS[index];
      expect(decodeBundle(hexToBytes(vector?.bundle ?? ""))).toEqual(bundle);
      expect(fromBpv7(hexToBytes(vector?.bpv7 ?? ""))).toEqual({ bundle, ageMs });
    }
  });

  test("have the ids and signatures that OpenSSL's SHA-256 and Ed25519 make", () => {
    for (const { seed, key, named, signature, id } of VECTORS) {
      const message = Buffer.from(named, "hex");
      const publicKey = createPublicKey({ key: der(SPKI, key), format: "der", type: "spki" });
      const privateKey = createPrivateKey({ key: der(PKCS8, seed), format: "der", type: "pkcs8" });
      expect(createHash("sha256").update(message).digest("hex").slice(0, 24)).toBe(id);
      if (signature === "") continue;
      expect(verify(null, message, publicKey, Buffer.from(signature, "hex"))).toBe(true);
      expect(sign(null, message, privateKey).toString("hex")).toBe(signature);
    }
    expect(VECTORS.filter(({ signature }) => signature === "")).toHaveLength(1);
  });
});

describeNeeding(["python:cbor2"], "Debian's python3-cbor2", () => {
  test("reads in the vectors what they say, and writes the same bytes", async () => {
    const checked = await run(["/usr/bin/python3", join(import.meta.dir, "check-cbor.py"), VECTORS_FILE]);
    expect(Number(checked)).toBe(VECTORS.length);
  });
});
