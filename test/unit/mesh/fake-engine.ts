import type {
  Engine,
  EngineConnection,
  EngineEvents,
  FrameStream,
  PeerId,
} from "../../../src/mesh/engine/engine-interface.ts";

type Serve = Parameters<Engine["handle"]>[1];
type Accept = Parameters<Engine["subscribe"]>[1];

/** Engines that reach each other within this process, without sockets or keys: for what lies above them. */
export class FakeEngines {
  readonly byPeer = new Map<PeerId, FakeEngine>();
  /** Frames that were sent, in the order in which they were. */
  readonly frames: { from: PeerId; protocol: string; bytes: number }[] = [];
  private count = 0;

  engine(peer: PeerId): FakeEngine {
    const engine = new FakeEngine(peer, this);
    this.byPeer.set(peer, engine);
    return engine;
  }

  /** Connects two, each with a connection to the other of the same id. @returns the id */
  connect(a: FakeEngine, b: FakeEngine, more: Partial<EngineConnection> = {}): string {
    this.count += 1;
    const id = `connection ${this.count}`;
    a.opened(connectionOf(b.peer, { ...more, id, direction: "outbound" }));
    b.opened(connectionOf(a.peer, { ...more, id, direction: "inbound" }));
    return id;
  }
}

export const connectionOf = (peer: PeerId, more: Partial<EngineConnection> = {}): EngineConnection => ({
  id: `to ${peer}`,
  peer,
  member: { publicKey: new Uint8Array(32), role: "box", name: "", grants: [], expiresAt: 0 },
  direction: "outbound",
  remote: "/ip4/192.0.2.1/tcp/4600",
  kind: "tcp",
  openedMs: 0,
  ...more,
});

export class FakeEngine implements Engine {
  readonly published: { topic: string; data: Uint8Array }[] = [];
  readonly closed: string[] = [];
  /** What dialling comes to; by default nobody answers. */
  onDial: (peer: PeerId, addresses: readonly string[], answered?: () => void) => Promise<EngineConnection> =
    async () => {
      throw new Error("nobody answers");
    };
  onReserve: (peer: PeerId) => Promise<() => Promise<void>> = async () => async () => {};
  /** Streams that are open at either end. */
  openStreams = 0;
  private readonly protocols = new Map<string, { serve: Serve; maxStreams: number; open: number }>();
  private readonly topics = new Map<string, Set<Accept>>();
  private readonly listeners = new Map<keyof EngineEvents, Set<unknown>>();
  private known: EngineConnection[] = [];

  constructor(
    readonly peer: PeerId,
    private readonly engines = new FakeEngines(),
  ) {}

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  expelFormerMembers(): void {}

  ports(): { tcp: number; ws: number } {
    return { tcp: 4600, ws: 4601 };
  }

  opened(connection: EngineConnection): void {
    this.known.push(connection);
  }

  connections(peer?: PeerId): readonly EngineConnection[] {
    return this.known.filter((connection) => peer === undefined || connection.peer === peer);
  }

  dial(...[peer, addresses, , answered]: Parameters<Engine["dial"]>): Promise<EngineConnection> {
    return this.onDial(peer, addresses, answered);
  }

  async close(connectionId: string): Promise<void> {
    this.closed.push(connectionId);
    this.known = this.known.filter(({ id }) => id !== connectionId);
  }

  async open(peer: PeerId, protocol: string): Promise<FrameStream> {
    const other = this.engines.byPeer.get(peer);
    if (!other || this.connections(peer).length === 0) throw new Error(`${peer} is not connected`);
    const [near, far] = streamPair(this, other, (from, bytes) =>
      this.engines.frames.push({ from, protocol, bytes }),
    );
    other.serve(protocol, far);
    return near;
  }

  handle(...[protocol, serve, { maxStreams = 8 } = {}]: Parameters<Engine["handle"]>): void {
    this.protocols.set(protocol, { serve, maxStreams, open: 0 });
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    this.published.push({ topic, data });
  }

  subscribe(topic: string, accept: Accept): () => void {
    const accepts = this.topics.get(topic) ?? new Set();
    this.topics.set(topic, accepts.add(accept));
    return () => {
      accepts.delete(accept);
      if (accepts.size === 0) this.topics.delete(topic);
    };
  }

  /** Topics that are listened to, by how many. */
  get subscriptions(): ReadonlyMap<string, number> {
    return new Map([...this.topics].map(([topic, accepts]) => [topic, accepts.size]));
  }

  /** Gossip that has come. @returns what those who listen make of it */
  hear(topic: string, data: Uint8Array, from: PeerId): string[] {
    return [...(this.topics.get(topic) ?? [])].map((accept) => accept(data, from));
  }

  reserveRelay(peer: PeerId): Promise<() => Promise<void>> {
    return this.onReserve(peer);
  }

  on<K extends keyof EngineEvents>(event: K, listener: EngineEvents[K]): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Tells of what a real engine finds out for itself. */
  emit<K extends keyof EngineEvents>(event: K, ...what: Parameters<EngineEvents[K]>): void {
    // `on` puts in nothing but listeners of this event.
    const listeners = (this.listeners.get(event) ?? []) as Iterable<(...what: unknown[]) => void>;
    for (const listener of listeners) listener(...what);
  }

  private serve(name: string, stream: FakeStream): void {
    const protocol = this.protocols.get(name);
    if (!protocol || protocol.open >= protocol.maxStreams) {
      stream.abort(new Error(`${name} is not served`));
      return;
    }
    protocol.open += 1;
    const [connection] = this.connections(stream.peer);
    protocol
      .serve(stream, (connection ?? connectionOf(stream.peer)).member)
      .then(() => stream.close())
      .catch((error) => stream.abort(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        protocol.open -= 1;
      });
  }
}

function streamPair(
  a: FakeEngine,
  b: FakeEngine,
  sent: (from: PeerId, bytes: number) => void,
): [FakeStream, FakeStream] {
  const near = new FakeStream(b.peer, a, sent);
  const far = new FakeStream(a.peer, b, sent);
  near.other = far;
  far.other = near;
  return [near, far];
}

/** Frames wait at the other end without bound. */
class FakeStream implements FrameStream {
  readonly connectionId = "fake";
  other: FakeStream | undefined;
  private readonly waiting: Uint8Array[] = [];
  private isEnded = false;
  private isClosed = false;
  private failure: Error | undefined;
  private wake: () => void = () => {};

  constructor(
    readonly peer: PeerId,
    private readonly of: FakeEngine,
    private readonly sent: (from: PeerId, bytes: number) => void,
  ) {
    of.openStreams += 1;
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.failure) throw this.failure;
    if (this.isClosed) throw new Error("the stream has ended");
    this.sent(this.of.peer, frame.length);
    this.other?.take(Uint8Array.from(frame));
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.waiting.shift();
      if (frame) yield frame;
      else if (this.failure) throw this.failure;
      else if (this.isEnded) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.of.openStreams -= 1;
    this.other?.take(undefined);
  }

  abort(reason: Error): void {
    this.fail(reason);
    this.other?.fail(reason);
  }

  private take(frame: Uint8Array | undefined): void {
    if (frame) this.waiting.push(frame);
    else this.isEnded = true;
    this.wake();
  }

  private fail(reason: Error): void {
    if (!this.isClosed) this.of.openStreams -= 1;
    this.isClosed = true;
    this.failure ??= reason;
    this.wake();
  }
}
