import { bytesToIp, canonicalIp, ipToBytes } from "../../host/ip-address.ts";
import type { Endpoint } from "./endpoint.ts";

/** 4 or 16 bytes; a zone is left out. @returns undefined where the text is no IP address */
export const addressBytes = (text: string): Uint8Array | undefined => ipToBytes(text.split("%")[0] ?? "");

/**
 * The text of 4 or 16 bytes, in the one form of RFC 5952; an IPv4 address inside IPv6 (::ffff:0:0/96) as IPv4.
 * @throws {RangeError} for another length
 */
export function addressText(bytes: Uint8Array): string {
  const text = bytesToIp(bytes);
  return canonicalIp(text) ?? text;
}

/** The same endpoint in its one form, zone kept; undefined where it is none. */
export function canonicalEndpoint({ address, port }: Endpoint): Endpoint | undefined {
  const ip = canonicalIp(address);
  if (ip === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const zone = ip.includes(":") && address.includes("%") ? address.slice(address.indexOf("%")) : "";
  return { address: `${ip}${zone}`, port };
}
