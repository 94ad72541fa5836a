import type { Timers } from "../../host/timers.ts";
import type { BundleSource } from "../bundle/fetch-bundle.ts";
import {
  decodeUpdateFrame,
  encodeUpdateFrame,
  type OfferedBundle,
  UPDATE_PROTOCOL,
  type UpdateFrame,
  UpdateFrameError,
} from "./update-frames.ts";
import type { UpdateEngine, UpdateStream } from "./update-network.ts";

/** On a link that barely carries, a chunk takes its time. */
const ANSWER_TIMEOUT_MS = 120_000;
/** Who opened a stream and asks nothing is let go. */
const IDLE_MS = 10 * 60_000;

/** What a box says of itself. */
export type HasFrame = Extract<UpdateFrame, { kind: "has" }>;

/** One stream to another box, asked and answered in turns. */
class Conversation {
  private readonly frames: AsyncIterator<Uint8Array>;

  constructor(
    readonly stream: UpdateStream,
    private readonly timers: Timers,
  ) {
    this.frames = stream.frames()[Symbol.asyncIterator]();
  }

  /** @throws when nothing comes in time, or the stream ends */
  async next(timeoutMs: number): Promise<UpdateFrame> {
    const callOff = this.timers.after(timeoutMs, () =>
      this.stream.abort(new Error("update: no answer in time")),
    );
    const { value, done } = await this.frames.next().finally(callOff);
    if (done) throw new Error("update: the other box has ended the stream");
    return decodeUpdateFrame(value);
  }

  async ask(frame: UpdateFrame): Promise<UpdateFrame> {
    await this.stream.send(encodeUpdateFrame(frame));
    return await this.next(ANSWER_TIMEOUT_MS);
  }
}

/** Another box, asked. */
export class AskedBox {
  private constructor(
    private readonly conversation: Conversation,
    /** What it runs and has. */
    readonly theirs: HasFrame,
  ) {}

  /** @throws when it does not answer as it should */
  static async open(engine: UpdateEngine, peer: string, ours: HasFrame, timers: Timers): Promise<AskedBox> {
    const stream = await engine.open(peer, UPDATE_PROTOCOL);
    const conversation = new Conversation(stream, timers);
    try {
      const theirs = await conversation.ask(ours);
      if (theirs.kind !== "has") throw new UpdateFrameError("update: it does not say what it has");
      return new AskedBox(conversation, theirs);
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** A bundle that it has. @param name what the box is called */
  source(bundle: OfferedBundle, name: string): BundleSource {
    return {
      name,
      bytes: bundle.bytes,
      id: Buffer.from(bundle.id).toString("hex"),
      read: async (offset, length) => {
        const answer = await this.conversation.ask({ kind: "read", id: bundle.id, offset, length });
        if (answer.kind === "refused") throw new Error(`${name}: ${answer.reason}`);
        if (answer.kind !== "data") throw new UpdateFrameError("update: no data where some should be");
        return answer.bytes;
      },
    };
  }

  end(): void {
    this.conversation.stream.abort(new Error("update: done"));
  }
}

export interface ServeOptions {
  ours: () => HasFrame;
  /** @throws with the reason, when it cannot be had or not now */
  read: (id: Uint8Array, offset: number, length: number) => Promise<Uint8Array>;
  timers: Timers;
  /** Told what the other box has, which need not be asked then. */
  told: (peer: string, theirs: HasFrame) => void;
}

/** Answers another box until it ends the stream. @throws when it does not keep to the protocol */
export async function serveUpdates(
  stream: UpdateStream,
  { ours, read, timers, told }: ServeOptions,
): Promise<void> {
  const conversation = new Conversation(stream, timers);
  const first = await conversation.next(ANSWER_TIMEOUT_MS);
  if (first.kind !== "has") throw new UpdateFrameError("update: the first is to say what the other box has");
  await stream.send(encodeUpdateFrame(ours()));
  told(stream.peer, first);
  for (;;) {
    const frame = await conversation.next(IDLE_MS);
    if (frame.kind !== "read") throw new UpdateFrameError(`update: ${frame.kind} is no question`);
    const answer = await read(frame.id, frame.offset, frame.length).then(
      (bytes): UpdateFrame => ({ kind: "data", bytes }),
      (error): UpdateFrame => ({
        kind: "refused",
        reason: error instanceof Error ? error.message : String(error),
      }),
    );
    await stream.send(encodeUpdateFrame(answer));
  }
}
