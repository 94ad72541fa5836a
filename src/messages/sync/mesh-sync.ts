import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { BundleId } from "../bundle/bundle.ts";
import type { Custody, Held, Source } from "../custody/custody.ts";
import { Claims } from "./claims.ts";
import { Exchange } from "./exchange.ts";
import type { SyncEngine, SyncMember, SyncStream } from "./mesh-streams.ts";
import { RankedIndex } from "./ranked-index.ts";
import { RefusalMemory } from "./refusal-memory.ts";
import { BUNDLES_PROTOCOL, MAX_SYNC_FRAME_BYTES } from "./sync-frame.ts";

/** How often it is looked whether every neighbour is served; what joins is served at once. */
const LOOK_MS = 5_000;
/** A neighbour with which it did not work is tried again after this, then later and later. */
const AGAIN_FIRST_MS = 1_000;
const AGAIN_LATEST_MS = 60_000;
/** An exchange that lasted so long had begun well. */
const LASTED_MS = 30_000;
/** Peers whose refusals are remembered. */
const MAX_PEERS = 256;

export interface MeshSyncOptions {
  engine: SyncEngine;
  custody: Custody;
  /** Whether the way to a peer is one whose volume is paid for: nothing large goes by it. */
  isMetered: (peer: string) => boolean;
  /** A neighbour has it on its medium. May be told again. */
  handedOver: (id: BundleId, to: Extract<Source, { by: "box" }>) => void;
  /** What no neighbour has acknowledged as far as this box remembers: offered to each that joins, since an acknowledgement may have been lost. */
  unconfirmed?: () => Iterable<BundleId>;
  timers: Timers;
  random: () => number;
  log: Logger;
}

export interface NeighbourStatus {
  peer: string;
  /** Bundles that are to go there, and to come from there, as far as is known. */
  toHandOver: number;
  toCome: number;
  /** Since it was connected. */
  handedOver: number;
  received: number;
}

/** An operator's box is one too. */
const isBox = ({ role }: SyncMember): boolean => role === "box" || role === "operator";

/** Bundles between this box and its neighbours in one network: what one has and the other has not goes over, the most urgent first. */
export class MeshSync {
  private readonly index: RankedIndex;
  private readonly claims: Claims;
  private readonly exchanges = new Map<string, Exchange>();
  private readonly running = new Set<Promise<void>>();
  private readonly opening = new Set<string>();
  private readonly again = new Map<string, { atMs: number; delayMs: number; callOff: () => void }>();
  private readonly refusals = new Map<string, { theirs: RefusalMemory; ours: RefusalMemory }>();
  private readonly ends: (() => void)[] = [];
  private callOff: () => void = () => {};
  /** From when the index is whole. */
  private isRunning = false;
  private isServed = false;

  constructor(private readonly options: MeshSyncOptions) {
    const { custody, timers } = options;
    this.index = new RankedIndex(custody, timers);
    this.claims = new Claims(
      () => timers.monotonicMs(),
      (id) => {
        for (const exchange of this.exchanges.values()) exchange.released(id);
      },
    );
  }

  start(): void {
    const { engine, custody } = this.options;
    this.index.start(() => {
      this.isRunning = true;
      this.look();
    });
    // Behind the index, which knows of it by then.
    this.ends.push(
      custody.onNew((held) => this.isNew(held)),
      custody.onGone((id) => {
        for (const exchange of this.exchanges.values()) exchange.isGone(id);
      }),
      engine.on("joined", (peer) => {
        // It may be another way by which it works.
        this.forgetTries(peer);
        this.look();
      }),
      engine.on("left", (peer) => this.forgetTries(peer)),
    );
    // An engine serves a protocol for good.
    if (!this.isServed) {
      this.isServed = true;
      engine.handle(BUNDLES_PROTOCOL, (stream, member) => this.serve(stream, member), {
        maxStreams: 2,
        maxFrameBytes: MAX_SYNC_FRAME_BYTES,
      });
    }
    this.lookLater();
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    this.callOff();
    for (const { callOff } of this.again.values()) callOff();
    this.again.clear();
    for (const end of this.ends.splice(0)) end();
    for (const exchange of this.exchanges.values()) exchange.stop(new Error("the box stops"));
    await Promise.all(this.running);
    this.index.stop();
  }

  neighbours(): NeighbourStatus[] {
    return [...this.exchanges.values()].map(({ status }) => status);
  }

  private isNew(held: Held): void {
    for (const exchange of this.exchanges.values()) exchange.isNew(held);
  }

  private lookLater(): void {
    this.callOff = this.options.timers.after(LOOK_MS, () => {
      this.look();
      this.lookLater();
    });
  }

  /** Begins with every neighbour that this side begins with: one of the two, by their ids, so that there is one stream. */
  private look(): void {
    if (!this.isRunning) return;
    const { engine, timers } = this.options;
    const nowMs = timers.monotonicMs();
    for (const { peer, member } of engine.connections()) {
      const isOurs = engine.peer < peer && isBox(member);
      if (!isOurs || this.exchanges.has(peer) || this.opening.has(peer)) continue;
      if ((this.again.get(peer)?.atMs ?? nowMs) > nowMs) continue;
      void this.begin(peer);
    }
  }

  private async begin(peer: string): Promise<void> {
    const { engine, timers, log } = this.options;
    this.opening.add(peer);
    const beganMs = timers.monotonicMs();
    try {
      const stream = await engine.open(peer, BUNDLES_PROTOCOL);
      this.opening.delete(peer);
      if (this.isRunning) await this.exchange(stream, true);
      else stream.abort(new Error("the box stops"));
    } catch (error) {
      log.debug({ peer, error }, "bundles are not exchanged now");
    } finally {
      this.opening.delete(peer);
      this.tryAgain(peer, timers.monotonicMs() - beganMs);
    }
  }

  private forgetTries(peer: string): void {
    this.again.get(peer)?.callOff();
    this.again.delete(peer);
  }

  private tryAgain(peer: string, lastedMs: number): void {
    if (!this.isRunning) return;
    const { timers, random } = this.options;
    this.again.get(peer)?.callOff();
    const before = lastedMs >= LASTED_MS ? 0 : (this.again.get(peer)?.delayMs ?? 0);
    const delayMs = Math.min(AGAIN_LATEST_MS, Math.max(AGAIN_FIRST_MS, before * 2));
    const waitMs = delayMs * (0.75 + random() / 2);
    const callOff = timers.after(waitMs, () => this.look());
    this.again.set(peer, { atMs: timers.monotonicMs() + waitMs, delayMs, callOff });
  }

  private async serve(stream: SyncStream, member: SyncMember): Promise<void> {
    if (!this.isRunning) throw new Error("bundles are not exchanged");
    // Of two boxes one begins; persons have their messages from the desk, not all that a box carries.
    if (!isBox(member) || stream.peer > this.options.engine.peer) throw new Error("it is not yours to begin");
    await this.exchange(stream, false);
  }

  private async exchange(stream: SyncStream, begins: boolean): Promise<void> {
    const { custody, isMetered, handedOver, timers, random, log } = this.options;
    const { peer } = stream;
    // The other side has begun anew, and knows better that the stream before is no more.
    this.exchanges.get(peer)?.stop(new Error("replaced"));
    const exchange = new Exchange({
      stream,
      begins,
      custody,
      index: this.index,
      claims: this.claims,
      refusals: this.refusalsOf(peer),
      isMetered: () => isMetered(peer),
      handedOver: (id) => handedOver(id, { by: "box", peer }),
      failed: (error) => log.error({ error }, "bundles cannot be kept"),
      timers,
      random,
    });
    this.exchanges.set(peer, exchange);
    for (const id of this.options.unconfirmed?.() ?? []) {
      const rank = this.index.rankOf(id);
      if (rank !== undefined) exchange.offer(id, rank);
    }
    const run = exchange.run();
    const settled = run.catch(() => undefined);
    this.running.add(settled);
    try {
      await run;
    } finally {
      this.running.delete(settled);
      if (this.exchanges.get(peer) === exchange) this.exchanges.delete(peer);
    }
  }

  private refusalsOf(peer: string): { theirs: RefusalMemory; ours: RefusalMemory } {
    const monotonicMs = () => this.options.timers.monotonicMs();
    const kept = this.refusals.get(peer) ?? {
      theirs: new RefusalMemory(monotonicMs),
      ours: new RefusalMemory(monotonicMs),
    };
    this.refusals.delete(peer);
    this.refusals.set(peer, kept);
    for (const oldest of this.refusals.keys()) {
      if (this.refusals.size <= MAX_PEERS) break;
      this.refusals.delete(oldest);
    }
    return kept;
  }
}
