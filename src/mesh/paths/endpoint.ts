/** Where datagrams go: an address and a UDP port. Link-local addresses carry their interface, as in "fe80::1%eth0" (RFC 4007). */
export interface Endpoint {
  address: string;
  port: number;
}

export const endpointText = ({ address, port }: Endpoint): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
