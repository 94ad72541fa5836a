import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { Timers } from "../../host/timers.ts";
import type { Member } from "../../identity/index.ts";
import { decodeLeaseAsk, type LeaseAsk, MAX_ASK_BYTES } from "../request/index.ts";
import type { AskWay, DeskMembership, LeaseDesk } from "./lease-desk.ts";

/** The protocol by which members ask a box for machines: one ask, and what is answered, as frames. */
export const LEASE_PROTOCOL = "/omerta/lease/1";

/** What of a stream is needed: `src/mesh` has all of it. */
export interface LeaseStream {
  readonly peer: string;
  readonly connectionId: string;
  send(frame: Uint8Array): Promise<void>;
  frames(): AsyncIterable<Uint8Array>;
  abort(reason: Error): void;
}

/** A network of the mesh that runs. */
export interface LeaseNetwork {
  readonly membership: DeskMembership;
  readonly engine: {
    connections(peer?: string): readonly { id: string; remote: string }[];
    handle(
      protocol: string,
      serve: (stream: LeaseStream, member: Pick<Member, "role">) => Promise<void>,
      options: { maxStreams: number; maxFrameBytes: number },
    ): void;
  };
}

export interface LeaseMeshOptions {
  desk: LeaseDesk;
  /** Where the mesh tells of its networks: of those that run already at once, of others when they begin. */
  networks: {
    onNetworks(listener: { began(network: LeaseNetwork): void; ended(id: string): void }): () => void;
  };
  timers: Timers;
  log: Logger;
}

/** Of one member: a box has as many as its people have leases here, each with one stream of events. */
const MOST_OF_A_PEER = 32;
const MOST_STREAMS = 256;
const ASK_TIMEOUT_MS = 10_000;
/** Lines that wait for one who does not take them. */
const MOST_UNSENT = 64;

/**
 * Lets members of this box's networks ask it for machines by the mesh. Who is at the other end has proven to be a member before
 * anything is said, so what it carries is a member's, whoever signs it; a requester's own certificates may say more, or less.
 */
export class LeaseMesh implements Part {
  readonly name = "leases by the mesh";
  private readonly served = new WeakSet<LeaseNetwork["engine"]>();
  private end: (() => void) | undefined;
  private serving = 0;

  constructor(private readonly options: LeaseMeshOptions) {}

  async start(): Promise<void> {
    this.end ??= this.options.networks.onNetworks({
      began: (network) => this.began(network),
      ended: () => {},
    });
  }

  /** What is asked from now on is refused. */
  async stop(): Promise<void> {
    this.end?.();
    this.end = undefined;
  }

  detail(): string {
    return `${this.serving} ${this.serving === 1 ? "stream" : "streams"} of members`;
  }

  private began({ engine, membership }: LeaseNetwork): void {
    if (this.served.has(engine)) return;
    this.served.add(engine);
    engine.handle(
      LEASE_PROTOCOL,
      async (stream, member) => {
        const { desk } = this.options;
        if (this.end === undefined || this.serving >= MOST_STREAMS) throw new Error("lease: not now");
        if (!desk.takes(stream.peer)) throw new Error("lease: too many requests");
        this.serving += 1;
        // Else whoever has no address here could ask under ever other keys for all that there is.
        const address = addressOf(engine.connections(stream.peer), stream.connectionId) ?? stream.peer;
        await this.serve(stream, { address, membership, carrier: member.role }).finally(() => {
          this.serving -= 1;
        });
      },
      { maxStreams: MOST_OF_A_PEER, maxFrameBytes: MAX_ASK_BYTES },
    );
  }

  private async serve(stream: LeaseStream, way: AskWay): Promise<void> {
    const { desk } = this.options;
    const frames = stream.frames()[Symbol.asyncIterator]();
    const ask = await this.askOf(stream, frames);
    if (ask.kind === "events") return this.follow(stream, frames, ask.lease);
    // Saved machines are brought by HTTP, for what comes behind the offer is large.
    if (ask.kind === "offer" || ask.kind === "who") throw new Error("lease: that is not for the mesh");
    const answer = await (ask.kind === "request"
      ? desk.request(ask.bytes, ask.chain, way)
      : desk.command(ask.bytes));
    await stream.send(Buffer.from(JSON.stringify(answer)));
  }

  private async askOf(stream: LeaseStream, frames: AsyncIterator<Uint8Array>): Promise<LeaseAsk> {
    const late = () => stream.abort(new Error("lease: nothing was asked"));
    const callOff = this.options.timers.after(ASK_TIMEOUT_MS, late);
    const first = await frames.next().finally(callOff);
    if (first.done) throw new Error("lease: nothing was asked");
    return decodeLeaseAsk(first.value);
  }

  /** Until the other side goes, or takes nothing. */
  private async follow(stream: LeaseStream, frames: AsyncIterator<Uint8Array>, lease: string): Promise<void> {
    const over = Promise.withResolvers<void>();
    let unsent = 0;
    const say = (line: string) => {
      unsent += 1;
      if (unsent > MOST_UNSENT) over.reject(new Error("lease: nobody takes what is told"));
      else
        stream.send(Buffer.from(line)).then(() => {
          unsent -= 1;
        }, over.reject);
    };
    const stop = this.options.desk.follow(lease, say, over.resolve);
    const gone = async () => {
      const next = await frames.next();
      if (!next.done) throw new Error("lease: one ask a stream");
    };
    await Promise.race([over.promise, gone()]).finally(stop);
  }
}

/**
 * Where a peer's connection comes from, a relay's address where one relays; of a link-local one, which says nothing beyond its
 * link, the peer's others are asked.
 */
function addressOf(connections: readonly { id: string; remote: string }[], own: string): string | undefined {
  const ownFirst = [...connections].sort((a, b) => Number(b.id === own) - Number(a.id === own));
  for (const { remote } of ownFirst) {
    const address = canonicalIp(/^\/ip[46]\/([^/]+)\//.exec(remote)?.[1] ?? "");
    if (address !== undefined && !isInPrefix(address, "fe80::/10")) return address;
  }
  return undefined;
}
