import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Engine, EngineConnection, FrameStream } from "../../../../src/mesh/engine/engine-interface.ts";
import type { PathOffer, PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";
import { StreamCarrier, StreamSendError } from "../../../../src/mesh/paths/stream-carrier.ts";

/** One end of a stream whose other end reads as slowly as the test wants. */
class HandStream implements FrameStream {
  readonly sent: Uint8Array[] = [];
  readonly peer = "b";
  abortedFor: Error | undefined;
  isStuck = false;
  private readonly incoming: Uint8Array[] = [];
  private wake: () => void = () => {};
  private isOver = false;

  constructor(readonly connectionId: string) {}

  send(frame: Uint8Array): Promise<void> {
    this.sent.push(frame);
    return this.isStuck ? new Promise(() => {}) : Promise.resolve();
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.incoming.shift();
      if (frame) yield frame;
      else if (this.abortedFor) throw this.abortedFor;
      else if (this.isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  come(frame: Uint8Array): void {
    this.incoming.push(frame);
    this.wake();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  end(): void {
    this.isOver = true;
    this.wake();
  }

  abort(reason: Error): void {
    this.abortedFor = reason;
    this.wake();
  }
}

function setUp(timers = new VirtualTime()) {
  const events: string[] = [];
  const received: [PathTarget, Uint8Array][] = [];
  const idOf = (target: PathTarget) => (target.by === "stream" ? target.connectionId : "");
  const carrier = new StreamCarrier({
    timers,
    onDatagram: (from, datagram) => received.push([from, datagram]),
    opened: (peer, { target }: PathOffer) => events.push(`opened ${peer} ${idOf(target)}`),
    closed: (peer, target) => events.push(`closed ${peer} ${idOf(target)}`),
  });
  return { carrier, events, received };
}

const to = (connectionId: string): PathTarget => ({ by: "stream", connectionId });
const settled = () => Bun.sleep(0);

describe("datagrams over a stream", () => {
  test("come and go, until the stream ends", async () => {
    const { carrier, events, received } = setUp();
    const stream = new HandStream("7");
    const serving = carrier.serve(stream);
    carrier.send(to("7"), Uint8Array.of(1));
    stream.come(Uint8Array.of(2));
    await settled();
    expect(stream.sent).toEqual([Uint8Array.of(1)]);
    expect(received).toEqual([[to("7"), Uint8Array.of(2)]]);
    expect(carrier.offers("b").map(({ target }) => target)).toEqual([to("7")]);
    expect(carrier.offers("c")).toEqual([]);
    stream.end();
    await serving;
    expect(events).toEqual(["opened b 7", "closed b 7"]);
    expect(() => carrier.send(to("7"), Uint8Array.of(1))).toThrow(StreamSendError);
  });

  test("are refused rather than kept behind others that wait", async () => {
    const { carrier } = setUp();
    const stream = new HandStream("7");
    stream.isStuck = true;
    void carrier.serve(stream);
    let refused = 0;
    for (let i = 0; i < 1_000; i++) {
      try {
        carrier.send(to("7"), new Uint8Array(100));
      } catch {
        refused += 1;
      }
    }
    expect(stream.sent.length).toBeLessThanOrEqual(82);
    expect(refused).toBe(1_000 - stream.sent.length);
    stream.end();
    await settled();
  });

  test("go on by the newer stream where a connection has got another", async () => {
    const { carrier, events } = setUp();
    const [older, newer] = [new HandStream("7"), new HandStream("7")];
    const first = carrier.serve(older);
    void carrier.serve(newer);
    await first;
    expect(older.abortedFor).toBeInstanceOf(Error);
    carrier.send(to("7"), Uint8Array.of(1));
    expect(newer.sent.length).toBe(1);
    expect(events).toEqual(["opened b 7", "opened b 7"]);
    newer.end();
    await settled();
  });

  test("get another stream as long as the connection lasts, later and later where none can be had", async () => {
    const time = new VirtualTime();
    const { carrier } = setUp(time);
    const openedAtS: number[] = [];
    const streams: HandStream[] = [];
    let refuses = false;
    const connection = { id: "7", peer: "b", direction: "outbound" } as EngineConnection;
    let connections = [connection];
    const engine = {
      handle: () => {},
      on: () => () => {},
      connections: () => connections,
      open: async () => {
        openedAtS.push(Math.round(time.monotonicMs() / 1_000));
        if (refuses) throw new Error("no such protocol");
        const stream = new HandStream("7");
        streams.push(stream);
        return stream;
      },
    } as unknown as Engine;
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await settled();
        time.advance(1_000);
      }
      await settled();
    };
    const detach = carrier.attach(engine);
    await pass(100);
    streams[0]?.abort(new Error("reset"));
    await pass(50);
    expect(openedAtS).toEqual([0, 101]);
    refuses = true;
    streams[1]?.abort(new Error("reset"));
    await pass(60);
    expect(openedAtS.slice(2).map((atS) => atS - 150)).toEqual([1, 2, 4, 8, 16, 32]);
    connections = [];
    await pass(120);
    expect(openedAtS.length).toBe(8);
    connections = [connection];
    detach();
    await pass(120);
    expect(openedAtS.length).toBe(8);
  });
});
