import type { Connection, Stream } from "@libp2p/interface";
import type { Logger } from "../../host/log.ts";
import type { Member } from "../../identity/index.ts";
import type { FrameStream, PeerId } from "./engine-interface.ts";
import { Libp2pFrameStream, MAX_FRAME_BYTES } from "./frame-stream.ts";
import type { Node } from "./libp2p-node.ts";

const DEFAULT_MAX_STREAMS = 8;

export interface ProtocolOptions {
  maxStreams?: number;
  maxFrameBytes?: number;
}

type Serve = (stream: FrameStream, member: Member) => Promise<void>;

interface Protocol {
  serve: Serve;
  maxStreams: number;
  maxFrameBytes: number;
  /** Streams that are open, by peer, over all of its connections. */
  open: Map<PeerId, number>;
}

/** What this box serves. Kept over restarts of the node. */
export class Protocols {
  private readonly protocols = new Map<string, Protocol>();
  private node: Node | undefined;

  constructor(
    private readonly memberAt: (connection: Connection) => Member | undefined,
    private readonly log: Logger,
  ) {}

  async attach(node: Node): Promise<void> {
    this.node = node;
    for (const name of this.protocols.keys()) await this.register(node, name);
  }

  detach(): void {
    this.node = undefined;
  }

  add(name: string, serve: Serve, options: ProtocolOptions): void {
    if (this.protocols.has(name)) throw new Error(`${name} is served already`);
    const { maxStreams = DEFAULT_MAX_STREAMS, maxFrameBytes = MAX_FRAME_BYTES } = options;
    this.protocols.set(name, { serve, maxStreams, maxFrameBytes, open: new Map() });
    const { node } = this;
    if (node === undefined) return;
    this.register(node, name).catch((error) => this.log.error({ error }, `${name} is not served`));
  }

  maxFrameBytes(name: string): number {
    return this.protocols.get(name)?.maxFrameBytes ?? MAX_FRAME_BYTES;
  }

  private async register(node: Node, name: string): Promise<void> {
    const maxInboundStreams = this.protocols.get(name)?.maxStreams ?? DEFAULT_MAX_STREAMS;
    await node.libp2p.handle(name, (stream, connection) => this.incoming(name, stream, connection), {
      maxInboundStreams,
      runOnLimitedConnection: true,
    });
  }

  private async incoming(name: string, stream: Stream, connection: Connection): Promise<void> {
    const protocol = this.protocols.get(name);
    const member = this.memberAt(connection);
    const peer = connection.remotePeer.toString();
    const others = protocol?.open.get(peer) ?? 0;
    if (protocol === undefined || member === undefined || others >= protocol.maxStreams) {
      stream.abort(new Error("not now"));
      return;
    }
    protocol.open.set(peer, others + 1);
    const frames = new Libp2pFrameStream(stream, peer, connection.id, protocol.maxFrameBytes);
    try {
      await protocol.serve(frames, member);
      await frames.close();
    } catch (error) {
      // Peers come and go, and may send what they should not: nothing that an operator must hear of.
      this.log.debug({ error }, `a stream of ${name} ended`);
      frames.abort(error instanceof Error ? error : new Error(String(error)));
    } finally {
      const left = (protocol.open.get(peer) ?? 1) - 1;
      if (left > 0) protocol.open.set(peer, left);
      else protocol.open.delete(peer);
    }
  }
}
