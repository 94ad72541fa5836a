import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { BoxesExchange, type TimeNetwork, type TimeStream } from "../../../src/time/boxes-exchange.ts";
import type { ToldTime } from "../../../src/time/time-frames.ts";
import { capturedLog } from "../captured-log.ts";

type Serve = Parameters<TimeNetwork["engine"]["handle"]>[1];
type Role = Parameters<Serve>[1]["role"];

const T = Date.UTC(2026, 10, 29);

/** Frames that one end has sent, for the other to read. */
class Pipe {
  private readonly sent: Uint8Array[] = [];
  private ended: Error | "closed" | undefined;
  private wake = () => {};

  push(frame: Uint8Array): void {
    this.sent.push(frame);
    this.wake();
  }

  end(how: Error | "closed"): void {
    this.ended ??= how;
    this.wake();
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield* this.sent.splice(0);
      if (this.ended instanceof Error) throw this.ended;
      if (this.ended) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

function streamPair(here: string, there: string): [TimeStream, TimeStream] {
  const [out, back] = [new Pipe(), new Pipe()];
  const end = (peer: string, from: Pipe, to: Pipe): TimeStream => ({
    peer,
    send: async (frame) => to.push(frame),
    frames: () => from.frames(),
    close: async () => to.end("closed"),
    abort: (reason) => {
      to.end(reason);
      from.end(reason);
    },
  });
  return [end(there, back, out), end(here, out, back)];
}

/** Boxes of one network, each connected to each, in virtual time. */
function boxes() {
  const time = new VirtualTime();
  const { log } = capturedLog();
  const serving = new Map<string, Serve>();
  const roles = new Map<string, Role>();
  const make = (name: string, told: () => ToldTime | undefined, role: Role = "box") => {
    roles.set(name, role);
    const engine: TimeNetwork["engine"] = {
      connections: () =>
        [...roles].filter(([peer]) => peer !== name).map(([peer, role]) => ({ peer, member: { role } })),
      open: async (peer) => {
        const serve = serving.get(peer);
        if (!serve) throw new Error("not there");
        const [mine, theirs] = streamPair(name, peer);
        serve(theirs, { role }).catch((error: Error) => theirs.abort(error));
        return mine;
      },
      handle: (_, serve) => void serving.set(name, serve),
    };
    const exchange = new BoxesExchange({
      networks: {
        onNetworks: (listener) => {
          listener.began({ membership: { id: "net" }, engine });
          return () => {};
        },
      },
      told,
      timers: time,
      log,
    });
    exchange.start();
    return exchange;
  };
  return { time, make };
}

const sure = (wallMs: number, uncertaintyMs = 500, hops = 0) => ({ wallMs, uncertaintyMs, hops });

describe("a box that does not know the time", () => {
  test("has it from one that does, a little less sure and one hop farther", async () => {
    const { time, make } = boxes();
    make("anna", () => sure(T));
    const ben = make("ben", () => undefined);
    await ben.ask();
    expect(ben.reading(time.monotonicMs())).toMatchObject({
      source: "boxes",
      hops: 1,
      voices: 1,
      uncertaintyMs: 501,
    });
    expect((ben.reading(0)?.epochMs ?? 0) + time.monotonicMs()).toBe(T);
  });

  test("has nothing from those that are not sure, from devices of people, or over too many boxes", async () => {
    const { make } = boxes();
    make("anna", () => undefined);
    make("phone", () => sure(T), "person");
    make("far", () => sure(T, 500, 4));
    const ben = make("ben", () => undefined);
    await ben.ask();
    expect(ben.reading(0)).toBeUndefined();
  });

  test("believes the surest of those that agree, and nobody where as many say something else", async () => {
    const { make } = boxes();
    make("anna", () => sure(T, 9_000));
    make("cleo", () => sure(T + 4_000, 700));
    let liar = T + 1e10;
    make("dora", () => sure(liar, 1));
    const ben = make("ben", () => undefined);
    await ben.ask();
    expect(ben.reading(0)).toMatchObject({ voices: 2, uncertaintyMs: 701 });
    liar = T;
    const { make: two } = boxes();
    two("anna", () => sure(T));
    two("dora", () => sure(T + 1e10));
    const eve = two("eve", () => undefined);
    await eve.ask();
    expect(eve.reading(0)).toBeUndefined();
  });

  test("forgets who is not sure any more, and what was said a day ago", async () => {
    const { time, make } = boxes();
    let told: ToldTime | undefined = sure(T);
    make("anna", () => told);
    const ben = make("ben", () => undefined);
    await ben.ask();
    const askedMs = time.monotonicMs();
    expect(ben.reading(askedMs + 24 * 3_600_000)).toBeDefined();
    told = undefined;
    await ben.ask();
    expect(ben.reading(askedMs)).toBeUndefined();
    told = sure(T);
    await ben.ask();
    expect(ben.reading(askedMs + 25 * 3_600_000)).toBeUndefined();
  });

  test("is told by nobody that has stopped, and is not asked by whoever asks all the time", async () => {
    const { make } = boxes();
    let asked = 0;
    const anna = make("anna", () => {
      asked += 1;
      return sure(T);
    });
    const ben = make("ben", () => undefined);
    for (let n = 0; n < 50; n += 1) await ben.ask();
    expect(asked).toBe(5);
    anna.stop();
    const { make: other } = boxes();
    other("anna", () => sure(T)).stop();
    const eve = other("eve", () => undefined);
    await eve.ask();
    expect(eve.reading(0)).toBeUndefined();
  });
});
