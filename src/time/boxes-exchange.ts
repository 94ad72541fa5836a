import type { Logger } from "../host/log.ts";
import { SourceLimiter } from "../host/source-limiter.ts";
import { withinTime } from "../host/stream-time.ts";
import type { Timers } from "../host/timers.ts";
import { agreement } from "./agreement.ts";
import {
  decodeTold,
  encodeTold,
  MAX_HOPS,
  MAX_TIME_FRAME_BYTES,
  TIME_PROTOCOL,
  TIME_QUESTION,
  type ToldTime,
} from "./time-frames.ts";
import type { Reading } from "./time-source.ts";

/** Whole frames both ways: `src/mesh` has more of it. */
export interface TimeStream {
  readonly peer: string;
  send(frame: Uint8Array): Promise<void>;
  frames(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
  abort(reason: Error): void;
}

interface TimeMember {
  role: "box" | "person" | "operator" | "requester";
}

/** A network of the mesh that runs. */
export interface TimeNetwork {
  readonly membership: { readonly id: string };
  readonly engine: {
    connections(): readonly { peer: string; member: TimeMember }[];
    open(peer: string, protocol: string): Promise<TimeStream>;
    handle(
      protocol: string,
      serve: (stream: TimeStream, member: TimeMember) => Promise<void>,
      options: { maxStreams: number; maxFrameBytes: number },
    ): void;
  };
}

/** Where the mesh tells of its networks: of those that run already at once, of others when they begin and end. */
export interface TimeNetworks {
  onNetworks(listener: { began: (network: TimeNetwork) => void; ended: (id: string) => void }): () => void;
}

export interface BoxesExchangeOptions {
  networks: TimeNetworks;
  /** What this box tells others; undefined while it is not sure. */
  told: () => ToldTime | undefined;
  timers: Timers;
  log: Logger;
}

/** Boxes that are sure may differ by what they are unsure of, and by this. */
const WITHIN_MS = 30_000;
/** Of so many others, those to which it has been connected for longest. */
const MAX_ASKED = 8;
const CONVERSATION = { ms: 10_000, late: "time: timeout", failed: "time: broken off" };
/** What they said is worth nothing new after a day. */
const KEPT_MS = 24 * 3_600_000;
const QUESTIONS = { burst: 5, perSecond: 0.2, totalPerSecond: 20, maxSources: 256 };

interface Heard {
  epochMs: number;
  heardMs: number;
  uncertaintyMs: number;
  hops: number;
}

const isBox = ({ role }: TimeMember): boolean => role === "box" || role === "operator";

/**
 * Asks other boxes of this box's networks what time it is, and tells those that ask. Who tells has proven to be a member, and says
 * how unsure it is; that grows by half the way there and back, so that no two boxes make each other surer by asking in a circle.
 */
export class BoxesExchange {
  private readonly running = new Map<string, TimeNetwork["engine"]>();
  private readonly served = new WeakSet<TimeNetwork["engine"]>();
  private readonly heard = new Map<string, Heard>();
  private readonly limiter: SourceLimiter;
  private end: (() => void) | undefined;

  constructor(private readonly options: BoxesExchangeOptions) {
    this.limiter = new SourceLimiter(QUESTIONS, options.timers.monotonicMs());
  }

  start(): void {
    this.end ??= this.options.networks.onNetworks({
      began: (network) => this.began(network),
      ended: (id) => void this.running.delete(id),
    });
  }

  stop(): void {
    this.end?.();
    this.end = undefined;
    this.running.clear();
    this.heard.clear();
  }

  /** Asks boxes that are connected, all at once. Never rejects. */
  async ask(): Promise<void> {
    const asked = [...this.running.values()].flatMap((engine) => {
      const boxes = engine.connections().filter(({ member }) => isBox(member));
      return [...new Set(boxes.map(({ peer }) => peer))].map((peer) => ({ engine, peer }));
    });
    await Promise.all(asked.slice(0, MAX_ASKED).map(({ engine, peer }) => this.askOne(engine, peer)));
  }

  /** What most of them say; undefined where none is sure, or they are of two minds. */
  reading(nowMs: number): Reading | undefined {
    for (const [peer, { heardMs }] of this.heard) if (nowMs - heardMs > KEPT_MS) this.heard.delete(peer);
    const heard = [...this.heard.values()];
    const said = heard.map(({ epochMs }) => epochMs);
    const agreed = agreement(said, { least: 1, withinMs: WITHIN_MS });
    if (!agreed) return undefined;
    const near = heard.filter(({ epochMs }) => Math.abs(epochMs - agreed.middleMs) <= WITHIN_MS);
    const best = near.reduce((one, other) => (other.uncertaintyMs < one.uncertaintyMs ? other : one));
    return {
      source: "boxes",
      epochMs: best.epochMs,
      heardMs: best.heardMs,
      uncertaintyMs: best.uncertaintyMs,
      voices: agreed.voices,
      hops: best.hops + 1,
    };
  }

  private began({ membership, engine }: TimeNetwork): void {
    this.running.set(membership.id, engine);
    // A network keeps its engine as long as it runs, and the engine what it was told to serve.
    if (this.served.has(engine)) return;
    this.served.add(engine);
    engine.handle(TIME_PROTOCOL, (stream, member) => this.answer(stream, member), {
      maxStreams: 1,
      maxFrameBytes: MAX_TIME_FRAME_BYTES,
    });
  }

  private async answer(stream: TimeStream, member: TimeMember): Promise<void> {
    const { told, timers } = this.options;
    if (this.end === undefined || !isBox(member)) throw new Error("time: boxes alone are told");
    if (!this.limiter.takes(stream.peer, timers.monotonicMs())) throw new Error("time: asked too often");
    await this.within(stream, async () => {
      for await (const _ of stream.frames()) {
        // Looked up now, not when the stream was opened.
        const now = told();
        await stream.send(encodeTold(now && now.hops <= MAX_HOPS ? now : undefined));
        await stream.close();
        return;
      }
    });
  }

  private async askOne(engine: TimeNetwork["engine"], peer: string): Promise<void> {
    const { timers, log } = this.options;
    try {
      const stream = await engine.open(peer, TIME_PROTOCOL);
      const askedMs = timers.monotonicMs();
      await this.within(stream, async () => {
        await stream.send(TIME_QUESTION);
        await stream.close();
        for await (const frame of stream.frames()) {
          this.take(peer, decodeTold(frame), askedMs);
          return;
        }
      });
    } catch (error) {
      // An older version does not know the question, and whoever has gone will be asked again.
      log.debug({ peer, error }, "a box did not say what time it is");
    }
  }

  private take(peer: string, told: ToldTime | undefined, askedMs: number): void {
    if (this.end === undefined) return;
    if (!told || told.hops >= MAX_HOPS) {
      this.heard.delete(peer);
      return;
    }
    const heardMs = this.options.timers.monotonicMs();
    const halfMs = (heardMs - askedMs) / 2;
    this.heard.set(peer, {
      epochMs: told.wallMs + halfMs - heardMs,
      heardMs,
      uncertaintyMs: told.uncertaintyMs + halfMs + 1,
      hops: told.hops,
    });
  }

  private within(stream: TimeStream, task: () => Promise<void>): Promise<void> {
    return withinTime(stream, this.options.timers, CONVERSATION, task);
  }
}
