import { isSealed, MAX_DATAGRAM_BYTES } from "./datagram.ts";
import { type Endpoint, endpointText } from "./endpoint.ts";
import { canonicalEndpoint } from "./endpoint-code.ts";
import type { Carrier, PathTarget } from "./paths-interface.ts";

export interface UdpCarrierOptions {
  /** 0: any that is free. */
  port: number;
  /** A sealed datagram. The interface is known where the address is link-local. */
  onDatagram: (from: Endpoint, datagram: Uint8Array, interfaceName: string | undefined) => void;
  /** Anything whose two top bits are 00, as STUN's are (RFC 8489 section 5). */
  onStun?: (from: Endpoint, datagram: Uint8Array) => void;
  /** The kernel told of an error later, of which destination is not known. */
  onError?: (error: Error) => void;
  /** Only this address; default: all, IPv4 and IPv6. */
  address?: string;
}

export interface UdpCarrierStats {
  sent: number;
  received: number;
  /** Neither ours nor STUN, or too long. */
  foreign: number;
  refused: number;
}

/** A datagram cannot leave: no route, interface down, the kernel's buffer full. */
export class UdpSendError extends Error {
  override readonly name = "UdpSendError";
  constructor(
    readonly to: Endpoint,
    readonly code: string,
  ) {
    super(`${endpointText(to)}: ${code}`);
  }
}

/** IPv6's least MTU without its header and that of UDP (RFC 8200 section 5): passes without fragments everywhere. */
const MAX_BYTES = 1_232;
/** Errors of other datagrams, told before this one is sent; it can be sent again (ip(7), IP_RECVERR). */
const MAX_STALE_ERRORS = 8;
const STALE_CODES = ["ECONNREFUSED", "EHOSTUNREACH"];

/**
 * The mesh's UDP port: one socket for IPv6 and IPv4, or for IPv4 alone where the kernel has no IPv6. Bun's own socket, since
 * its `send` tells at once that there is no route; the one of node:dgram tells it later, and not of which datagram.
 */
export class UdpCarrier implements Carrier {
  private socket: Bun.udp.Socket<"buffer"> | undefined;
  private isIpv4Only = false;
  private readonly counted = { sent: 0, received: 0, foreign: 0, refused: 0 };

  constructor(private readonly options: UdpCarrierOptions) {}

  /** @throws where the port is taken */
  async start(): Promise<void> {
    const { address, port } = this.options;
    if (address !== undefined) {
      this.isIpv4Only = !address.includes(":");
      this.socket = await this.open(address, port);
      return;
    }
    try {
      this.socket = await this.open("::", port);
    } catch (error) {
      if (codeOf(error) === "EADDRINUSE" || codeOf(error) === "EACCES") throw error;
      this.isIpv4Only = true;
      this.socket = await this.open("0.0.0.0", port);
    }
  }

  stop(): void {
    this.socket?.close();
    this.socket = undefined;
  }

  /** The port that it has; 0 before it is started. */
  get port(): number {
    return this.socket?.port ?? 0;
  }

  stats(): UdpCarrierStats {
    return { ...this.counted };
  }

  maxBytes(): number {
    return MAX_BYTES;
  }

  /** @throws {UdpSendError} */
  send(target: PathTarget, datagram: Uint8Array): void {
    if (target.by !== "udp") throw new TypeError(`${target.by}: not by UDP`);
    this.sendTo(target.endpoint, datagram);
  }

  /** For anything else on the same port, such as STUN. @throws {UdpSendError} */
  sendTo(to: Endpoint, datagram: Uint8Array): void {
    const code = this.trySend(to, datagram);
    if (code === undefined) {
      this.counted.sent += 1;
      return;
    }
    this.counted.refused += 1;
    throw new UdpSendError(to, code);
  }

  /**
   * The kernel tells that another datagram was refused (ICMP) by failing the next send to anybody, and does not send that:
   * without another try, one peer's closed port would cost others their datagrams.
   */
  private trySend({ address, port }: Endpoint, datagram: Uint8Array): string | undefined {
    const { socket } = this;
    if (!socket) return "not started";
    if (this.isIpv4Only && address.includes(":")) return "EAFNOSUPPORT";
    let code = "";
    for (let tries = 0; tries < MAX_STALE_ERRORS; tries++) {
      try {
        return socket.send(datagram, port, address) ? undefined : "EAGAIN";
      } catch (error) {
        code = codeOf(error);
        if (!STALE_CODES.includes(code)) return code;
      }
    }
    return code;
  }

  private open(hostname: string, port: number): Promise<Bun.udp.Socket<"buffer">> {
    return Bun.udpSocket({
      hostname,
      port,
      socket: {
        data: (_socket, datagram, fromPort, address) => this.received(datagram, fromPort, address),
        error: (_socket, error) => this.options.onError?.(error),
      },
    });
  }

  private received(datagram: Uint8Array, port: number, address: string): void {
    const from = canonicalEndpoint({ address, port });
    const [first] = datagram;
    if (!from || first === undefined || datagram.length > MAX_DATAGRAM_BYTES) {
      this.counted.foreign += 1;
      return;
    }
    this.counted.received += 1;
    if (isSealed(datagram)) this.options.onDatagram(from, datagram, from.address.split("%")[1]);
    else if (first < 0x40 && this.options.onStun) this.options.onStun(from, datagram);
    else this.counted.foreign += 1;
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : String(error);
}
