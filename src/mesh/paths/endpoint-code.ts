import { isIPv4, isIPv6 } from "node:net";
import type { Endpoint } from "./endpoint.ts";

/** 4 or 16 bytes; a zone is left out. @returns undefined where the text is no IP address */
export function addressBytes(text: string): Uint8Array | undefined {
  const [address = ""] = text.split("%");
  if (isIPv4(address)) return Uint8Array.from(address.split("."), Number);
  if (!isIPv6(address)) return undefined;
  const [head = "", tail] = address.split("::");
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(16);
  bytes.set(front);
  bytes.set(back, 16 - back.length);
  return bytes;
}

function groups(text: string): number[] {
  return text
    .split(":")
    .filter((group) => group !== "")
    .flatMap((group) => {
      if (group.includes(".")) return group.split(".").map(Number);
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    });
}

/** The text of 4 or 16 bytes, in the one form of RFC 5952; an IPv4 address inside IPv6 (::ffff:0:0/96) as IPv4. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return bytes.subarray(12).join(".");
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const { start, length } = longestZeros(words);
  const text = (part: number[]) => part.map((word) => word.toString(16)).join(":");
  if (length < 2) return text(words);
  return `${text(words.slice(0, start))}::${text(words.slice(start + length))}`;
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > longest.length) longest = { start, length };
  }
  return longest;
}

/** The same endpoint in its one form, zone kept; undefined where it is none. */
export function canonicalEndpoint({ address, port }: Endpoint): Endpoint | undefined {
  const bytes = addressBytes(address);
  if (!bytes || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const zone = bytes.length === 16 && address.includes("%") ? address.slice(address.indexOf("%")) : "";
  return { address: `${addressText(bytes)}${zone}`, port };
}
