import { isIP } from "node:net";
import { isWireGuardKey } from "../host/wireguard-key.ts";
import type { VpnPlan } from "./vpn-plan.ts";

/** UDP, of an IP address. */
export interface VpnEndpoint {
  address: string;
  port: number;
}

/** A virtual machine's end of its tunnel. */
export interface VpnPeer {
  /** Base64. */
  publicKey: string;
  /** Its address inside: one of the plan's. */
  address: string;
  /** Where it is, when it is us who begin; undefined: it comes to us. */
  endpoint: VpnEndpoint | undefined;
}

/** What WireGuard knows of a peer. */
export interface SeenPeer {
  /** Where it sends to. */
  endpoint?: VpnEndpoint;
  /** Seconds since 1970; 0: never. */
  handshakeAt: number;
  receivedBytes: number;
  sentBytes: number;
}

/** Our end of one machine's tunnel, for who finds out where the other is. */
export interface LedEnd {
  interface: string;
  /** Ours and the other's, base64. */
  publicKey: string;
  peerKey: string;
  /** UDP, on this machine. */
  listenPort: number;
  /** Sends there from now on. @param fresh the session is forgotten, and the next packet begins a new one at once */
  point(endpoint: VpnEndpoint | undefined, fresh: boolean): Promise<void>;
  /** Sends a keepalive at once, and keeps the way open. @returns undefined when the interface has gone */
  stir(): Promise<SeenPeer | undefined>;
  look(): Promise<SeenPeer | undefined>;
}

/** Something about a peer cannot be. */
export class VpnPeerError extends Error {
  override readonly name = "VpnPeerError";
}

export const endpointText = ({ address, port }: VpnEndpoint): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/** @throws {VpnPeerError} */
export function checkPeer(plan: VpnPlan, peer: VpnPeer, others: readonly VpnPeer[]): void {
  const { publicKey, address, endpoint } = peer;
  if (!isWireGuardKey(publicKey)) throw new VpnPeerError("peer.publicKey: is not 32 bytes in base64");
  if (!plan.addresses.includes(address))
    throw new VpnPeerError(`peer.address: ${address} is not one of ${plan.network}`);
  if (others.some((other) => other.address === address && other.publicKey !== publicKey))
    throw new VpnPeerError(`peer.address: ${address} is another virtual machine's`);
  if (endpoint === undefined) return;
  if (isIP(endpoint.address) === 0)
    throw new VpnPeerError(`peer.endpoint: ${endpoint.address} is no address`);
  if (!Number.isInteger(endpoint.port) || endpoint.port < 1 || endpoint.port > 65_535)
    throw new VpnPeerError(`peer.endpoint: ${endpoint.port} is no port`);
}

/** What `wg show <interface> dump` (wg(8)) says of one of its peers; undefined: nothing. */
export function seenPeer(dump: string, publicKey: string): SeenPeer | undefined {
  const line = dump.split("\n").find((text) => text.startsWith(`${publicKey}\t`));
  const [, , where = "", , handshake, received, sent] = line?.split("\t") ?? [];
  if (line === undefined) return undefined;
  const [, address = "", port] = /^\[?([0-9a-f.:]+)\]?:(\d+)$/.exec(where) ?? [];
  const counts = { handshakeAt: Number(handshake), receivedBytes: Number(received), sentBytes: Number(sent) };
  return { ...counts, ...(isIP(address) === 0 ? {} : { endpoint: { address, port: Number(port) } }) };
}
