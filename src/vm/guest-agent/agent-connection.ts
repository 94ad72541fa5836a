import type { Socket } from "bun";
import type { Timers } from "../../host/timers.ts";
import { type AgentAnswer, AnswerReader } from "./agent-line.ts";

/** A guest that sends more waits: reading stops until it is back to so much, and what it sends stays in the guest. */
const BYTES_PER_S = 262_144;
/** What may come at once. */
const BURST_BYTES = 65_536;
/** Requests that the guest has not taken. */
const MAX_UNSENT_BYTES = 65_536;

export interface ConnectionHearer {
  answered(answer: AgentAnswer): void;
  /** Once, unless it was closed from here. */
  ended(): void;
}

/** One connection to QEMU's end of a guest's virtio-serial port. What the guest does costs the host next to nothing. */
export class AgentConnection {
  private socket: Socket | undefined;
  private readonly reader = new AnswerReader();
  private unsent = new Uint8Array();
  private closed = false;
  private taken = 0;
  private takenSinceMs: number;
  private callOffResume: (() => void) | undefined;

  private constructor(
    private readonly hearer: ConnectionHearer,
    private readonly timers: Timers,
  ) {
    this.takenSinceMs = timers.monotonicMs();
  }

  /** @throws {Error} when nobody listens at `path` */
  static async open(path: string, hearer: ConnectionHearer, timers: Timers): Promise<AgentConnection> {
    const connection = new AgentConnection(hearer, timers);
    const socket = await Bun.connect({
      unix: path,
      socket: {
        data: (socket, bytes) => connection.take(socket, bytes),
        drain: () => connection.flush(),
        close: () => connection.end(),
        error: () => connection.end(),
      },
    });
    connection.socket = socket;
    connection.flush();
    return connection;
  }

  /** @returns false when the guest has not taken what was sent before */
  send(bytes: Uint8Array): boolean {
    if (this.unsent.length + bytes.length > MAX_UNSENT_BYTES) return false;
    this.unsent = Buffer.concat([this.unsent, bytes]);
    this.flush();
    return true;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  close(): void {
    this.closed = true;
    this.callOffResume?.();
    this.socket?.terminate();
  }

  private flush(): void {
    if (this.closed || this.socket === undefined || this.unsent.length === 0) return;
    const written = this.socket.write(this.unsent);
    if (written > 0) this.unsent = this.unsent.slice(written);
  }

  private take(socket: Socket, bytes: Uint8Array): void {
    if (this.closed) return;
    this.reader.take(bytes, (answer) => {
      if (!this.closed) this.hearer.answered(answer);
    });
    const nowMs = this.timers.monotonicMs();
    const fallen = ((nowMs - this.takenSinceMs) * BYTES_PER_S) / 1_000;
    this.taken = Math.max(0, this.taken - fallen) + bytes.length;
    this.takenSinceMs = nowMs;
    if (this.taken <= BURST_BYTES || this.callOffResume !== undefined) return;
    socket.pause();
    this.callOffResume = this.timers.after((this.taken * 1_000) / BYTES_PER_S, () => {
      this.callOffResume = undefined;
      if (!this.closed) socket.resume();
    });
  }

  private end(): void {
    if (this.closed) return;
    this.close();
    this.hearer.ended();
  }
}
