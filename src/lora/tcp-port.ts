import { EventEmitter, once } from "node:events";
import { connect, isIPv6, type Socket } from "node:net";
import { type Port, type PortClosed, PortError, type PortEvents } from "./port.ts";

export interface TcpPortOptions {
  /** How long connecting may take; default 5 s. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** Bytes that may wait for the network. */
const MAX_WAITING_BYTES = 1 << 20;
/** A radio that lost its power says nothing: after so much silence the kernel asks (tcp(7), TCP_KEEPIDLE). */
const KEEPALIVE_AFTER_MS = 15_000;
/** What was written just before closing has so long to leave. */
const LAST_WORDS_MS = 500;

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

class TcpPort extends EventEmitter<PortEvents> implements Port {
  private closed: PortClosed | undefined;
  private closing: Promise<void> | undefined;
  private waitingBytes = 0;
  private readonly writes = new Set<(error: Error) => void>();

  constructor(
    readonly name: string,
    private readonly socket: Socket,
  ) {
    super();
    socket.on("data", (bytes: Buffer) => this.emit("data", bytes));
    socket.on("error", (error) => this.end(error));
    socket.on("end", () => this.end(undefined));
    socket.on("close", () => this.end(undefined));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.closed || this.closing) throw new PortError(this.name, this.closed?.detail ?? "closed");
    if (this.waitingBytes + bytes.length > MAX_WAITING_BYTES)
      throw new PortError(this.name, `more than ${MAX_WAITING_BYTES} bytes wait to be written`);
    this.waitingBytes += bytes.length;
    try {
      await new Promise<void>((resolve, reject) => {
        this.writes.add(reject);
        // A copy: whoever wrote them may use the bytes again at once.
        this.socket.write(Buffer.from(bytes), (error) => {
          this.writes.delete(reject);
          if (error) reject(error);
          else resolve();
        });
      });
    } catch (error) {
      throw new PortError(this.name, reasonOf(error));
    } finally {
      this.waitingBytes -= bytes.length;
    }
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LAST_WORDS_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.once("closed", done);
      this.socket.end(done);
    });
    this.end(undefined);
  }

  private end(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = closedBy(error, this.closing !== undefined);
    this.socket.destroy();
    for (const fail of [...this.writes]) fail(new Error(this.closed.detail));
    this.emit("closed", this.closed);
  }
}

/** The other end, or the way to it, is no more: anything else is a fault of this side. */
const GONE = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"]);

function closedBy(error: Error | undefined, asked: boolean): PortClosed {
  if (asked) return { reason: "asked", detail: "closed" };
  if (error === undefined) return { reason: "gone", detail: "the other end has closed the connection" };
  return { reason: GONE.has(codeOf(error) ?? "") ? "gone" : "failed", detail: reasonOf(error) };
}

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
