import { expect, test } from "bun:test";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { hostKeyFrom } from "../../../../src/vm/guest-agent/host-key.ts";

/** RFC 8032, section 7.1, test 2. */
const SECRET = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const TYPE = "0000000b7373682d65643235353139";

test("a machine's key is what OpenSSH and dropbear write", () => {
  const key = hostKeyFrom(Buffer.from(SECRET, "hex"));
  const [type, base64 = ""] = key.publicKey.split(" ");
  expect(type).toBe("ssh-ed25519");
  expect(Buffer.from(base64, "base64").toString("hex")).toBe(`${TYPE}00000020${PUBLIC}`);
  expect(Buffer.from(key.dropbear).toString("hex")).toBe(`${TYPE}00000040${SECRET}${PUBLIC}`);
});

test("the two halves of it belong together", () => {
  const key = hostKeyFrom(Buffer.from(SECRET, "hex"));
  const secret = createPrivateKey({
    // RFC 8410, section 7.
    key: Buffer.concat([
      Buffer.from("302e020100300506032b657004220420", "hex"),
      key.dropbear.subarray(19, 51),
    ]),
    format: "der",
    type: "pkcs8",
  });
  const point = Buffer.from(key.publicKey.split(" ")[1] ?? "", "base64").subarray(-32);
  const known = createPublicKey({
    key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), point]),
    format: "der",
    type: "spki",
  });
  const words = Buffer.from("words");
  expect(verify(null, words, known, sign(null, words, secret))).toBe(true);
});
