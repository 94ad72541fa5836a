import type { DeskNaming } from "./desk-naming.ts";
import { messageOf } from "./desk-refusal.ts";
import { MeshError, type StreamProtocol, type StreamRequest } from "./mesh-control.ts";

/** What programs may open streams of. Those that boxes keep their network by are theirs alone. */
const PROTOCOLS: Record<StreamProtocol, string> = { lease: "/omerta/lease/1" };
/** Beside those that boxes open by themselves. */
const MOST_STREAMS = 128;
const OPEN_TIMEOUT_MS = 10_000;

/** Streams to members that programs on this box have. */
export class DeskStreams {
  private open = 0;

  constructor(private readonly naming: DeskNaming) {}

  /** @throws {MeshError} where there is no stream to such a member */
  async exchange(
    { network: name, peer, protocol, frame }: StreamRequest,
    over: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const network = this.naming.running(this.naming.membership(name));
    const id = this.naming.peerIn(network, peer);
    if (this.open >= MOST_STREAMS)
      throw new MeshError("stream: programs have as many as they may have", "failed");
    this.open += 1;
    const close = () => {
      this.open -= 1;
    };
    try {
      if (network.engine.connections(id).length === 0) await network.connect(id);
      const stream = await network.engine.open(id, PROTOCOLS[protocol], { timeoutMs: OPEN_TIMEOUT_MS });
      const leave = () => stream.abort(new Error("the program has gone"));
      if (over.aborted) leave();
      over.addEventListener("abort", leave);
      await stream.send(frame);
      return framesOf(stream.frames(), () => {
        over.removeEventListener("abort", leave);
        leave();
        close();
      });
    } catch (error) {
      close();
      throw new MeshError(messageOf(error), "failed");
    }
  }
}

/** @param end whoever reads them has all of them, or reads no more */
async function* framesOf(frames: AsyncIterable<Uint8Array>, end: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* frames;
  } finally {
    end();
  }
}
