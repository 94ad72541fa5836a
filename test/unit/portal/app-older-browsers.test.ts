import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { bytesToHex } from "@noble/hashes/utils.js";
import { personKey } from "../../../src/identity/person/person-key.ts";

const ROOT = resolve(import.meta.dir, "../../..");
const SECRET = new Uint8Array(32).fill(1);

/** Run on its own: what it takes away is missing in the whole process. */
const ON_AN_OLDER_BROWSER = `
  for (const [object, name] of [
    [Object, "hasOwn"],
    [String.prototype, "replaceAll"],
    [Array.prototype, "at"],
    [DataView.prototype, "setBigUint64"],
  ]) {
    if (!delete object[name] || name in object) throw new Error(name + " is still there");
  }
  await import("./portal/app/older-browsers.ts");
  const { personKey } = await import("./src/identity/person/person-key.ts");
  const { makeInboxProof } = await import("./src/identity/person/inbox-proof.ts");
  const { xchacha20poly1305 } = await import("@noble/ciphers/chacha.js");
  const { publicKey, sign } = personKey(new Uint8Array(32).fill(1));
  const proof = makeInboxProof({ box: publicKey, key: publicKey, after: 2 ** 40 + 5 }, new Uint8Array(24), sign);
  const sealed = xchacha20poly1305(new Uint8Array(32), new Uint8Array(24)).encrypt(new Uint8Array(9));
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, 0x0102030405060708n);
  view.setBigUint64(8, 0x0102030405060708n, true);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  console.log(JSON.stringify({
    key: hex(publicKey), proof: hex(proof), sealed: hex(sealed), numbers: hex(new Uint8Array(view.buffer)),
    own: [Object.hasOwn({ a: 1 }, "a"), Object.hasOwn({}, "toString")],
    last: [1, 2].at(-1), words: "a b c".replaceAll(" ", "-"),
  }));
`;

test("browsers without the newest functions make the same key, the same proofs and the same seals", async () => {
  const run = (script: string) =>
    Bun.spawn([process.execPath, "-e", script], { cwd: ROOT, stderr: "inherit" });
  const older = run(ON_AN_OLDER_BROWSER);
  const told = JSON.parse(await new Response(older.stdout).text()) as Record<string, unknown>;
  expect(await older.exited).toBe(0);
  const here = run(ON_AN_OLDER_BROWSER.replace(/for \(const[\s\S]*?\n {2}\}\n/, ""));
  expect(told).toEqual(JSON.parse(await new Response(here.stdout).text()));
  expect(told).toMatchObject({
    key: bytesToHex(personKey(SECRET).publicKey),
    numbers: "01020304050607080807060504030201",
    own: [true, false],
    last: 2,
    words: "a-b-c",
  });
});
