import fc from "fast-check";
import { type Ssid, ssidCodec, ssidOf } from "../../../../src/wifi/hostap-syntax/index.ts";

/** Names of networks: of every script, with every byte, and those whose letters mean something in a file. */
export const arbitrarySsid: fc.Arbitrary<Ssid> = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 32 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }),
    fc.string({
      unit: fc.constantFrom('"', "\\", "#", " ", "P", "x", "=", "\n", "\r", "\0", "a", "é", "|"),
      minLength: 1,
      maxLength: 16,
    }),
    fc.uint8Array({ minLength: 1, maxLength: 32 }).map(ssidOf),
  )
  .filter((ssid) => ssidCodec.fits(ssid));

export const arbitraryInterface = fc
  .string({ unit: fc.constantFrom(..."abcxyz019_.-"), maxLength: 11 })
  .map((name) => `wlan${name}`);

/** Locally administered, of one station or access point. */
export const arbitraryBssid = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map(([first = 0, ...rest]) => [(first & 0xfc) | 2, ...rest])
  .map((octets) => octets.map((octet) => octet.toString(16).padStart(2, "0")).join(":"));

export const arbitraryPassphrase = fc.string({ minLength: 8, maxLength: 63 });

export const arbitraryPsk = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((key) => Buffer.from(key).toString("hex"));

/** An object of these, each there or not. */
export function some<T extends object>(values: { [K in keyof T]-?: fc.Arbitrary<NonNullable<T[K]>> }) {
  return fc.record(values, { requiredKeys: [] });
}
