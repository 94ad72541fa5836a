import type { Logger } from "../../host/log.ts";
import { withinTime } from "../../host/stream-time.ts";
import type { Timers } from "../../host/timers.ts";
import { MAX_STATEMENT_BYTES, StatementError } from "../../identity/index.ts";
import type { Engine, FrameStream, PeerId } from "../engine/engine-interface.ts";
import { FACTS } from "../engine/message-id.ts";
import { type Directory, type Entry, MAX_ENTRIES } from "./directory.ts";
import { MAX_RECORD_BYTES, RecordError } from "./peer-record.ts";
import { answerPull, pull, type SyncedSet, tagOf } from "./set-sync.ts";

const RECORDS_TOPIC = `${FACTS}records`;
const STATEMENTS_TOPIC = `${FACTS}statements`;
const RECORDS_PROTOCOL = "/omerta/records/1";
const STATEMENTS_PROTOCOL = "/omerta/statements/1";
/**
 * What gossip has lost comes by comparing with one neighbour at a time: soon after somebody has joined, since what was
 * published before has not reached the two, and then less and less often.
 */
const FIRST_COMPARE_MS = 1_500;
const LATEST_COMPARE_MS = 240_000;
/** Between two comparisons that one peer may ask for. */
const LEAST_BETWEEN_MS = 1_000;
const PULL_TIMEOUT_MS = 20_000;
const PULLED = { ms: PULL_TIMEOUT_MS, late: "timeout", failed: "comparing failed" };

/** The signed facts of a network, as its membership keeps them. */
export interface StatementKeeper {
  statements(): readonly Uint8Array[];
  /** @throws when it is malformed, or signed by nobody who may */
  accept(statement: Uint8Array): "new" | "known";
}

export interface GossipOptions {
  engine: Pick<Engine, "peer" | "open" | "handle" | "publish" | "subscribe" | "connections">;
  directory: Directory;
  membership: StatementKeeper;
  ownRecord: () => Uint8Array | undefined;
  timers: Timers;
  random: () => number;
  log: Logger;
  /** A member has described itself anew. */
  recordCame: (entry: Entry) => void;
}

/** Brings the members' records and the network's statements to every box: at once by gossip, and for good by comparing. */
export class Gossip {
  private ends: (() => void)[] = [];
  private readonly askedAtMs = new Map<string, number>();
  private readonly records: SyncedSet;
  private readonly statements: SyncedSet;
  private isRunning = false;
  private compareMs = FIRST_COMPARE_MS;
  private cancelCompare: () => void = () => {};

  constructor(private readonly options: GossipOptions) {
    const { directory, membership, ownRecord } = options;
    this.records = {
      *items() {
        const own = ownRecord();
        if (own) yield { tag: tagOf(own), encoded: own };
        yield* directory.all();
      },
      accept: (encoded) => {
        if (this.takeRecord(encoded)) this.publishRecord(encoded);
      },
    };
    this.statements = {
      *items() {
        for (const encoded of membership.statements()) yield { tag: tagOf(encoded), encoded };
      },
      accept: (encoded) => {
        if (!this.takeStatement(encoded)) return;
        // It came by comparing, so there are others that gossip has not reached.
        this.publishStatement(encoded);
      },
    };
  }

  start(): void {
    const { engine } = this.options;
    this.isRunning = true;
    engine.handle(RECORDS_PROTOCOL, (stream) => this.answer(stream, this.records), {
      maxStreams: 2,
      maxFrameBytes: 131_072,
    });
    engine.handle(STATEMENTS_PROTOCOL, (stream) => this.answer(stream, this.statements), {
      maxStreams: 2,
      maxFrameBytes: 131_072,
    });
    this.ends = [
      engine.subscribe(RECORDS_TOPIC, (data) => {
        if (data.length > MAX_RECORD_BYTES) return "reject";
        return this.judged(() => this.takeRecord(data) !== undefined);
      }),
      engine.subscribe(STATEMENTS_TOPIC, (data) => {
        if (data.length > MAX_STATEMENT_BYTES) return "reject";
        return this.judged(() => this.takeStatement(data));
      }),
    ];
    this.compareLater();
  }

  stop(): void {
    this.isRunning = false;
    this.cancelCompare();
    for (const end of this.ends.splice(0)) end();
  }

  publishRecord(encoded: Uint8Array): void {
    this.publish(RECORDS_TOPIC, encoded);
  }

  publishStatement(encoded: Uint8Array): void {
    this.publish(STATEMENTS_TOPIC, encoded);
  }

  /** Somebody has joined: takes over what it knows, and looks around soon. */
  joined(peer: PeerId): void {
    void this.compareWith(peer);
    this.compareMs = FIRST_COMPARE_MS;
    this.compareLater();
  }

  /** Takes over what a peer knows. Never rejects. */
  async compareWith(peer: PeerId): Promise<void> {
    // Statements first: they decide whose records count.
    await this.pullFrom(peer, STATEMENTS_PROTOCOL, this.statements);
    await this.pullFrom(peer, RECORDS_PROTOCOL, this.records);
  }

  private async pullFrom(peer: PeerId, protocol: string, set: SyncedSet): Promise<void> {
    const { engine, timers, log } = this.options;
    try {
      const stream = await engine.open(peer, protocol);
      await withinTime(stream, timers, PULLED, async () => {
        const { refused } = await pull(stream, set);
        if (refused > 0) log.debug({ peer, protocol, refused }, "a peer has handed over what is no good");
      });
    } catch (error) {
      // The next comparison, or the next peer, brings it.
      log.debug({ peer, protocol, error }, "could not compare");
    }
  }

  private async answer(stream: FrameStream, set: SyncedSet): Promise<void> {
    const nowMs = this.options.timers.monotonicMs();
    const key = `${stream.peer} ${set === this.records}`;
    if (nowMs - (this.askedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < LEAST_BETWEEN_MS) {
      stream.abort(new Error("asked too often"));
      return;
    }
    this.askedAtMs.delete(key);
    this.askedAtMs.set(key, nowMs);
    for (const oldest of this.askedAtMs.keys()) {
      if (this.askedAtMs.size <= MAX_ENTRIES) break;
      this.askedAtMs.delete(oldest);
    }
    const callOff = this.options.timers.after(PULL_TIMEOUT_MS, () => stream.abort(new Error("timeout")));
    try {
      await answerPull(stream, set);
    } finally {
      callOff();
    }
  }

  private takeRecord(encoded: Uint8Array): Entry | undefined {
    this.expectRunning();
    const entry = this.options.directory.accept(encoded);
    if (entry) this.options.recordCame(entry);
    return entry;
  }

  private takeStatement(encoded: Uint8Array): boolean {
    this.expectRunning();
    return this.options.membership.accept(encoded) === "new";
  }

  /** What is still on its way when a network was left would be written into its document, and bring it back. */
  private expectRunning(): void {
    if (!this.isRunning) throw new Error("gossip has stopped");
  }

  /** Who passes on what is malformed or forged is marked down; what is merely old stops here. */
  private judged(take: () => boolean): "accept" | "ignore" | "reject" {
    try {
      return take() ? "accept" : "ignore";
    } catch (error) {
      this.options.log.debug({ error }, "gossip refused");
      // Certificates may have been revoked on one side only so far, or a directory be full: no fault of whoever passed it on.
      return error instanceof RecordError || error instanceof StatementError ? "reject" : "ignore";
    }
  }

  private publish(topic: string, encoded: Uint8Array): void {
    this.options.engine
      .publish(topic, encoded)
      .catch((error) => this.options.log.debug({ error, topic }, "gossip reached nobody"));
  }

  private compareLater(): void {
    const { timers, random, engine } = this.options;
    this.cancelCompare();
    this.cancelCompare = timers.after(this.compareMs * (0.75 + random() / 2), () => {
      if (!this.isRunning) return;
      const peers = [...new Set(engine.connections().map(({ peer }) => peer))];
      const peer = peers[Math.floor(random() * peers.length)];
      if (peer) void this.compareWith(peer);
      this.compareMs = Math.min(LATEST_COMPARE_MS, this.compareMs * 2);
      this.compareLater();
    });
  }
}
