import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { meshPassword } from "../../../../src/wifi/air/mesh-password.ts";
import { ownAddress } from "../../../../src/wifi/air/own-address.ts";

const hmac = (key: Uint8Array, ...parts: readonly (string | Uint8Array)[]) => {
  const made = createHmac("sha256", key);
  for (const part of parts) made.update(part);
  return made.digest();
};

describe("the password of the radio mesh", () => {
  const key = new Uint8Array(32).fill(3);

  test("is RFC 5869's extract and expand of the shared key, in base64url", () => {
    const prk = hmac(new Uint8Array(32), key);
    const okm = hmac(prk, "omerta radio mesh 1\0omerta", new Uint8Array([1]));
    expect(meshPassword(key, "omerta")).toBe(okm.toString("base64url"));
  });

  test("is another one for another key and for another mesh", () => {
    const all = [
      meshPassword(key, "a"),
      meshPassword(key, "b"),
      meshPassword(new Uint8Array(32).fill(4), "a"),
    ];
    expect(new Set(all).size).toBe(3);
  });
});

describe("the address of an interface", () => {
  const hash = new Uint8Array(32).fill(9);
  const roles = ["open", "owe", "mesh", "uplink"] as const;

  test("is locally administered and no group's", () => {
    for (let box = 0; box < 256; box += 1) {
      const first = Number.parseInt(ownAddress(new Uint8Array(32).fill(box), "usb1", "open").slice(0, 2), 16);
      expect(first & 3).toBe(2);
    }
  });

  test("differs from that of the radio's other interfaces in the last three bits alone", () => {
    const addresses = roles.map((role) => ownAddress(hash, "usb1", role));
    expect(new Set(addresses).size).toBe(4);
    const masked = addresses.map((address) => BigInt(`0x${address.replaceAll(":", "")}`) & ~7n);
    expect(new Set(masked).size).toBe(1);
  });

  test("is another one for another box and for another radio", () => {
    const all = [
      ownAddress(hash, "usb1", "open"),
      ownAddress(hash, "usb2", "open"),
      ownAddress(new Uint8Array(32), "usb1", "open"),
    ];
    expect(new Set(all).size).toBe(3);
  });
});
