import { isIPv4 } from "node:net";

/** An IPv4 network by numbers: its first address, and how many bits of it count. */
export interface Ipv4Network {
  /** 0 to 2^32 - 1; bits beyond the prefix are zero. */
  first: number;
  /** 0 to 32. */
  prefixLength: number;
}

const sizeOf = ({ prefixLength }: Ipv4Network): number => 2 ** (32 - prefixLength);

/** Reads "10.1.2.3/24", or one address. @returns undefined for anything else, IPv6 as well */
export function parseIpv4Network(text: string): Ipv4Network | undefined {
  const [address = "", length = "32", ...rest] = text.split("/");
  if (!isIPv4(address) || !/^\d{1,2}$/.test(length) || Number(length) > 32 || rest.length > 0)
    return undefined;
  const prefixLength = Number(length);
  const number = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return { first: number - (number % 2 ** (32 - prefixLength)), prefixLength };
}

export const ipv4Text = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

export const networkText = (network: Ipv4Network): string =>
  `${ipv4Text(network.first)}/${network.prefixLength}`;

/** Whether two networks have an address in common. */
export const overlap = (a: Ipv4Network, b: Ipv4Network): boolean =>
  a.first < b.first + sizeOf(b) && b.first < a.first + sizeOf(a);

/** The same addresses by as few networks: without those that lie in another one. In order of their addresses. */
export function withoutCovered(networks: readonly Ipv4Network[]): Ipv4Network[] {
  const sorted = [...networks].sort((a, b) => a.first - b.first || a.prefixLength - b.prefixLength);
  const kept: Ipv4Network[] = [];
  for (const network of sorted) {
    const last = kept.at(-1);
    // Two networks lie in each other or apart.
    if (last === undefined || !overlap(last, network)) kept.push(network);
  }
  return kept;
}
