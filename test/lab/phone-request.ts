/** Why a request or a connection of a phone failed. */
export class PhoneError extends Error {
  override readonly name = "PhoneError";
  constructor(
    readonly phone: string,
    readonly reason: "connect" | "timeout" | "closed" | "malformed" | "dhcp",
    detail: string,
  ) {
    super(`${phone}: ${reason}: ${detail}`);
  }
}

export interface PhoneRequest {
  /** IPv4 address to connect to. */
  address: string;
  /** Default 80. */
  port?: number;
  /** Default GET. */
  method?: string;
  /** The Host header; default `address`, with the port where that is not 80. */
  host?: string;
  /** Path with query; default `/`. */
  path?: string;
  /** More headers. `connection: keep-alive` is obeyed in how the end of the body is found; the socket is closed after it. */
  headers?: Record<string, string>;
  /** Sent with its Content-Length. */
  body?: string;
  /** For the whole exchange, connecting included. Default 30,000. */
  timeoutMs?: number;
}

/** An answer, with times in milliseconds since the call. */
export interface PhoneResponse {
  status: number;
  headers: Headers;
  body: string;
  /** When the TCP handshake was over. */
  connectMs: number;
  /** When the first byte of the answer came. */
  firstByteMs: number;
  /** When its last byte came. */
  totalMs: number;
}

/** A document that a phone has opened. */
export interface PhonePage {
  /** The last request, the one that the document answers. */
  request: PhoneRequest;
  response: PhoneResponse;
  /** How many requests it took, redirects included. */
  requests: number;
}

export interface OpenOptions {
  headers?: Record<string, string>;
  /** IPv4 address of a host name; without it only addresses can be opened. */
  resolve?: (name: string) => string | undefined | Promise<string | undefined>;
  /** For each request. Default 30,000. */
  timeoutMs?: number;
}
