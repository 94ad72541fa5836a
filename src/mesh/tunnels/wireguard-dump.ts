import type { Endpoint } from "../paths/endpoint.ts";

/** What WireGuard knows of its one peer. */
export interface WireGuardPeer {
  /** Base64, 44 characters. */
  publicKey: string;
  /** Where it sends to: what was set, or where the peer was heard from since (WireGuard's roaming). */
  endpoint?: Endpoint;
  /** Seconds since 1970 of the last handshake; 0: none with this peer since it was set. */
  handshakeAt: number;
  receivedBytes: number;
  sentBytes: number;
}

export interface WireGuardStatus {
  listenPort: number;
  peer?: WireGuardPeer;
}

/** `wg show` printed what cannot be understood. */
export class WireGuardDumpError extends Error {
  override readonly name = "WireGuardDumpError";
}

/**
 * Reads `wg show <interface> dump` (wg(8)): a line of the interface, then one a peer, separated by tabs. A tunnel has
 * one peer at most; the private key in the first line is not taken.
 * @throws {WireGuardDumpError}
 */
export function parseWireGuardDump(text: string): WireGuardStatus {
  const [first = "", second] = text.split("\n");
  const [, , port] = first.split("\t");
  const listenPort = wholeNumber(port, "listen port");
  if (second === undefined || second === "") return { listenPort };
  const [publicKey = "", , endpoint = "", , handshake, received, sent] = second.split("\t");
  return {
    listenPort,
    peer: {
      publicKey,
      ...(endpoint === "(none)" ? {} : { endpoint: parseEndpoint(endpoint) }),
      handshakeAt: wholeNumber(handshake, "latest handshake"),
      receivedBytes: wholeNumber(received, "received bytes"),
      sentBytes: wholeNumber(sent, "sent bytes"),
    },
  };
}

function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-f:.%\w-]+)\]|([\d.]+)):(\d+)$/i.exec(text);
  const address = match?.[1] ?? match?.[2];
  if (address === undefined) throw new WireGuardDumpError(`endpoint: "${text}"`);
  return { address, port: Number(match?.[3]) };
}

function wholeNumber(text: string | undefined, field: string): number {
  if (text === undefined || !/^\d+$/.test(text)) throw new WireGuardDumpError(`${field}: "${text ?? ""}"`);
  return Number(text);
}
