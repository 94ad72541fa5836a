import { isIP } from "node:net";
import { remembering } from "./remembering.ts";

/** 4 or 16 bytes in network order; undefined for what is no address, or has a zone. */
export function ipToBytes(text: string): Uint8Array | undefined {
  return bytesOf(text)?.slice();
}

const bytesOf = remembering((text: string): Uint8Array | undefined => {
  const family = isIP(text);
  if (family === 0 || text.includes("%")) return undefined;
  if (family === 4) return Uint8Array.from(text.split(".").map(Number));
  return ipv6ToBytes(text);
});

function ipv6ToBytes(text: string): Uint8Array {
  // The last four bytes may be written as an IPv4 address (RFC 4291, 2.2).
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = dotted
    ? `${dotted[1]}${word(Number(dotted[2]), Number(dotted[3]))}:${word(Number(dotted[4]), Number(dotted[5]))}`
    : text;
  const [head = "", tail] = plain.split("::");
  const words = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [front, back] = [words(head), tail === undefined ? [] : words(tail)];
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((value) => [value >> 8, value & 0xff]));
}

const word = (high: number, low: number): string => ((high << 8) | low).toString(16);

/** The text of 4 or 16 bytes; IPv6 as RFC 5952 recommends. @throws {RangeError} for another length */
export function bytesToIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new RangeError(`an address is 4 or 16 bytes long, not ${bytes.length}`);
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  const zeros = longestZeros(groups);
  if (zeros === undefined) return groups.join(":");
  return `${groups.slice(0, zeros.start).join(":")}::${groups.slice(zeros.end).join(":")}`;
}

/** The first longest run of two or more zero groups. */
function longestZeros(groups: readonly string[]): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined;
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === "0") end += 1;
    if (end - start >= 2 && (best === undefined || end - start > best.end - best.start))
      best = { start, end };
  }
  return best;
}

/** One way of writing an address, without zone; undefined when it is none. IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2) becomes IPv4. */
export const canonicalIp = remembering((text: string): string | undefined => {
  const bytes = bytesOf(text.split("%")[0] ?? "");
  if (bytes === undefined) return undefined;
  const isMapped = bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0);
  return bytesToIp(isMapped && bytes[10] === 0xff && bytes[11] === 0xff ? bytes.subarray(12) : bytes);
});

const prefixOf = remembering((prefix: string): { network: Uint8Array; length: number } | undefined => {
  const [address = "", lengthText = ""] = prefix.split("/");
  const [network, length] = [bytesOf(address), Number(lengthText)];
  if (network === undefined || !/^\d+$/.test(lengthText) || length > network.length * 8) return undefined;
  return { network, length };
});

/** Whether `address` is in `prefix` ("10.1.0.0/16", or an interface's own "10.1.2.3/16"). */
export function isInPrefix(address: string, prefix: string): boolean {
  const [a, parsed] = [bytesOf(address), prefixOf(prefix)];
  if (a === undefined || parsed === undefined || a.length !== parsed.network.length) return false;
  const { network: b, length } = parsed;
  const whole = length >> 3;
  for (let index = 0; index < whole; index += 1) if (a[index] !== b[index]) return false;
  const bits = length & 7;
  if (bits === 0) return true;
  const mask = 0xff00 >> bits;
  return ((a[whole] ?? 0) & mask & 0xff) === ((b[whole] ?? 0) & mask & 0xff);
}
