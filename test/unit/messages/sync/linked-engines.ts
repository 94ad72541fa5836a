import type { Timers } from "../../../../src/host/timers.ts";
import type { SyncEngine, SyncMember, SyncStream } from "../../../../src/messages/sync/mesh-streams.ts";

type Serve = Parameters<SyncEngine["handle"]>[1];

export interface SentFrame {
  from: string;
  to: string;
  bytes: number;
  frame: Uint8Array;
  atMs: number;
}

/** Engines that reach each other by links of a given speed, in virtual time: what one sends waits for the link, as it would on a radio. */
export class LinkedEngines {
  readonly sent: SentFrame[] = [];
  readonly all = new Map<string, LinkedEngine>();
  /** Bytes a second each way. */
  bytesPerS = 1_000_000;
  latencyMs = 1;

  constructor(readonly timers: Timers) {}

  engine(peer: string): LinkedEngine {
    const engine = new LinkedEngine(peer, this);
    this.all.set(peer, engine);
    return engine;
  }

  connect(a: LinkedEngine, b: LinkedEngine): void {
    a.joined(b.peer);
    b.joined(a.peer);
  }

  /** Breaks the connection of two, and all streams over it. */
  cut(a: LinkedEngine, b: LinkedEngine): void {
    a.left(b.peer);
    b.left(a.peer);
  }
}

export class LinkedEngine implements SyncEngine {
  readonly streams = new Set<LinkedStream>();
  role: SyncMember["role"] = "box";
  opened = 0;
  private readonly peers = new Set<string>();
  private readonly protocols = new Map<string, Serve>();
  private readonly listeners = {
    joined: new Set<(peer: string) => void>(),
    left: new Set<(peer: string) => void>(),
  };

  constructor(
    readonly peer: string,
    private readonly engines: LinkedEngines,
  ) {}

  connections() {
    return [...this.peers].map((peer) => ({
      peer,
      member: { role: this.engines.all.get(peer)?.role ?? "box" },
    }));
  }

  async open(peer: string, protocol: string): Promise<SyncStream> {
    this.opened += 1;
    const other = this.engines.all.get(peer);
    const serve = other?.protocols.get(protocol);
    if (!other || !serve || !this.peers.has(peer)) throw new Error(`${peer} is not connected`);
    const near = new LinkedStream(this.peer, peer, this.engines);
    const far = new LinkedStream(peer, this.peer, this.engines);
    near.other = far;
    far.other = near;
    this.keep(near);
    other.keep(far);
    serve(far, { role: this.role })
      .then(() => far.close())
      .catch((error) => far.abort(error));
    return near;
  }

  handle(protocol: string, serve: Serve): void {
    this.protocols.set(protocol, serve);
  }

  on(event: "joined" | "left", listener: (peer: string) => void): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  joined(peer: string): void {
    this.peers.add(peer);
    for (const listener of this.listeners.joined) listener(peer);
  }

  left(peer: string): void {
    this.peers.delete(peer);
    for (const stream of this.streams) if (stream.peer === peer) stream.abort(new Error("the link is cut"));
    for (const listener of this.listeners.left) listener(peer);
  }

  private keep(stream: LinkedStream): void {
    this.streams.add(stream);
    stream.ended = () => this.streams.delete(stream);
  }
}

export class LinkedStream implements SyncStream {
  other: LinkedStream | undefined;
  ended: () => void = () => {};
  private readonly waiting: Uint8Array[] = [];
  private freeAtMs = 0;
  private isOver = false;
  private failure: Error | undefined;
  private wake: () => void = () => {};
  private readonly senders = new Set<(reason: Error) => void>();

  constructor(
    private readonly own: string,
    readonly peer: string,
    private readonly engines: LinkedEngines,
  ) {}

  /** Resolves when the frame has left; it is there after the latency. */
  send(frame: Uint8Array): Promise<void> {
    const { timers, bytesPerS, latencyMs, sent } = this.engines;
    if (this.failure || this.isOver) return Promise.reject(this.failure ?? new Error("the stream has ended"));
    const nowMs = timers.monotonicMs();
    sent.push({ from: this.own, to: this.peer, bytes: frame.length, frame, atMs: nowMs });
    this.freeAtMs = Math.max(nowMs, this.freeAtMs) + (frame.length / bytesPerS) * 1_000;
    const copy = Uint8Array.from(frame);
    timers.after(this.freeAtMs - nowMs + latencyMs, () => this.other?.arrived(copy));
    return new Promise((resolve, reject) => {
      this.senders.add(reject);
      timers.after(this.freeAtMs - nowMs, () => {
        this.senders.delete(reject);
        resolve();
      });
    });
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.waiting.shift();
      if (frame) yield frame;
      else if (this.failure) throw this.failure;
      else if (this.isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  close(): void {
    this.end(undefined);
    this.other?.end(undefined);
  }

  abort(reason: Error): void {
    this.end(reason);
    this.other?.end(reason);
  }

  private arrived(frame: Uint8Array): void {
    if (this.isOver) return;
    this.waiting.push(frame);
    this.wake();
  }

  private end(reason: Error | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.failure = reason;
    for (const reject of this.senders) reject(reason ?? new Error("the stream has ended"));
    this.senders.clear();
    this.ended();
    this.wake();
  }
}
