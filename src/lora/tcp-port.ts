import { once } from "node:events";
import { connect, isIPv6, type Socket } from "node:net";
import { type Port, type PortClosed, PortError } from "./port.ts";
import { StreamPort } from "./stream-port.ts";

export interface TcpPortOptions {
  /** How long connecting may take; default 5 s. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** A radio that lost its power says nothing: after so much silence the kernel asks (tcp(7), TCP_KEEPIDLE). */
const KEEPALIVE_AFTER_MS = 15_000;
/**
 * Connects to a radio on the network, such as Meshtastic's TCP port 4403. Bytes that come while nobody listens are lost.
 * @throws {PortError} it cannot be reached, or not in time
 */
export async function openTcpPort(host: string, port: number, options: TcpPortOptions = {}): Promise<Port> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const name = `tcp://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new PortError(name, "no such TCP port");
  const socket = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_AFTER_MS,
  });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    await once(socket, "connect");
  } catch (error) {
    socket.destroy();
    throw new PortError(name, reasonOf(error));
  } finally {
    clearTimeout(timer);
  }
  return new TcpPort(name, socket);
}

class TcpPort extends StreamPort {
  constructor(
    name: string,
    private readonly socket: Socket,
  ) {
    super(name);
    socket.on("data", (bytes: Buffer) => this.emit("data", bytes));
    socket.on("error", (error) => this.end(error));
    socket.on("end", () => this.end(undefined));
    socket.on("close", () => this.end(undefined));
  }

  protected put(bytes: Buffer, done: (error?: Error | null) => void): void {
    this.socket.write(bytes, done);
  }

  protected leave(done: () => void): void {
    this.socket.end(done);
  }

  protected async letGo(): Promise<void> {}

  protected drop(): void {
    this.socket.destroy();
  }

  protected closedBy(error: Error | undefined): PortClosed {
    if (error === undefined) return { reason: "gone", detail: "the other end has closed the connection" };
    return { reason: GONE.has(codeOf(error) ?? "") ? "gone" : "failed", detail: reasonOf(error) };
  }

  protected detailOf(error: unknown): string {
    return reasonOf(error);
  }
}

/** The other end, or the way to it, is no more: anything else is a fault of this side. */
const GONE = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"]);

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the other end has reset the connection",
  EPIPE: "the other end has closed the connection",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no way to this host",
  ENETUNREACH: "no way to this network",
  ENOTFOUND: "no such host",
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const reason = REASONS[code ?? ""];
  if (reason !== undefined) return `${reason} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
