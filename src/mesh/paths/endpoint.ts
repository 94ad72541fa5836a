import { isIP } from "node:net";

/** Where datagrams go: an address and a UDP port. Link-local addresses carry their interface, as in "fe80::1%eth0" (RFC 4007). */
export interface Endpoint {
  address: string;
  port: number;
}

export const endpointText = ({ address, port }: Endpoint): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/** Reads what {@link endpointText} writes. @returns undefined where it is no address with a port */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, v6, v4, digits = ""] =
    /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = v6 ?? v4 ?? "";
  const port = Number(digits);
  if (isIP(address) !== (v6 === undefined ? 4 : 6) || port < 1 || port > 65_535) return undefined;
  return { address, port };
}
