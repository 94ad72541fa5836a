import type { Socket } from "node:net";
import type { Timers } from "../../host/timers.ts";
import type { FarStream } from "./far-network.ts";
import {
  decodeServiceFrame,
  encodeServiceFrame,
  MAX_DATA_BYTES,
  ServiceFrameError,
} from "./service-frames.ts";

/** Bytes of one direction that may be on their way or wait to be taken: what a connection costs at either end. */
export const WINDOW_BYTES = 131_072;
/** What was handed on is told once it is so much. */
const TELL_BYTES = WINDOW_BYTES / 8;

export interface PumpOptions {
  timers: Timers;
  /** Without a byte either way for this long, both are ended. */
  idleMs: number;
}

/**
 * Joins a TCP connection and a stream until both directions have ended; either may end before the other. Nothing waits here
 * beyond {@link WINDOW_BYTES}: of some ways that a stream goes (WebRTC) nobody is told to wait by what carries it, so each
 * side says what it has handed on, and the other sends no more than that leaves room for.
 * @returns kept when both have ended and the connection is closed
 * @throws when either was broken off or nothing passed for too long; then both are
 */
export async function pump(
  socket: Socket,
  stream: FarStream,
  { timers, idleMs }: PumpOptions,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  const closed = Promise.withResolvers<void>();
  /** Both ends were told; the stream is not needed any more, whatever the other side does with it. */
  const told = Promise.withResolvers<void>();
  const state = { hasSentEnd: false, hasEnd: false, room: WINDOW_BYTES, waiting: 0, untold: 0 };
  let movedAtMs = timers.monotonicMs();
  const moved = () => {
    movedAtMs = timers.monotonicMs();
  };
  let hasRoom = () => {};
  let callOff = () => {};
  const watch = () => {
    const leftMs = movedAtMs + idleMs - timers.monotonicMs();
    if (leftMs <= 0) failed.reject(new Error("service: nothing passed for too long"));
    else callOff = timers.after(leftMs, watch);
  };
  socket.on("error", failed.reject);
  socket.on("close", () => {
    // What came last may still be on its way into the stream.
    if (socket.readableEnded && state.hasEnd) closed.resolve();
    else failed.reject(new Error("service: the connection was broken off"));
  });

  const toStream = async () => {
    for await (const chunk of chunksOf(socket)) {
      for (let at = 0; at < chunk.length; ) {
        while (state.room === 0) {
          await new Promise<void>((resolve) => {
            hasRoom = resolve;
          });
        }
        const piece = chunk.subarray(at, at + Math.min(MAX_DATA_BYTES, state.room));
        at += piece.length;
        state.room -= piece.length;
        await stream.send(encodeServiceFrame({ kind: "data", bytes: piece }));
        moved();
      }
    }
    state.hasSentEnd = true;
    await stream.send(encodeServiceFrame({ kind: "end" }));
    if (state.hasEnd) told.resolve();
  };
  const handedOn = (bytes: number) => {
    moved();
    state.waiting -= bytes;
    state.untold += bytes;
    if (state.untold < TELL_BYTES || state.hasEnd) return;
    const taken = encodeServiceFrame({ kind: "taken", bytes: state.untold });
    state.untold = 0;
    stream.send(taken).catch(failed.reject);
  };
  const fromStream = async () => {
    for await (const encoded of stream.frames()) {
      const frame = decodeServiceFrame(encoded);
      if (frame.kind === "taken") {
        state.room += frame.bytes;
        if (state.room > WINDOW_BYTES) throw new ServiceFrameError("service frame: more taken than was sent");
        hasRoom();
      } else if (frame.kind === "ask" || state.hasEnd) {
        throw new ServiceFrameError(`service frame: ${frame.kind} where it should not be`);
      } else if (frame.kind === "data") {
        const { length } = frame.bytes;
        state.waiting += length;
        if (state.waiting + state.untold > WINDOW_BYTES)
          throw new ServiceFrameError("service frame: more than there is room for");
        socket.write(frame.bytes, () => handedOn(length));
      } else {
        state.hasEnd = true;
        socket.end();
      }
      if (state.hasEnd && state.hasSentEnd) return;
    }
    if (!state.hasEnd || !state.hasSentEnd) throw new Error("service: the stream was broken off");
  };

  watch();
  try {
    const heard = Promise.race([fromStream(), told.promise]);
    await Promise.race([failed.promise, Promise.all([toStream(), heard, closed.promise])]);
    await stream.close();
  } catch (error) {
    // By a reset: whoever reads until the end must not take this for it.
    socket.resetAndDestroy();
    stream.abort(new Error("service: broken off", { cause: error }));
    throw error;
  } finally {
    callOff();
  }
}

/** What comes by a connection, as it is asked for, until its other end has closed its side. Unlike the connection's own iterator it does not close ours. */
async function* chunksOf(socket: Socket): AsyncGenerator<Buffer> {
  const waiting: Buffer[] = [];
  let isEnded = socket.readableEnded;
  let wake = () => {};
  socket.on("data", (chunk) => {
    waiting.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    socket.pause();
    wake();
  });
  socket.on("end", () => {
    isEnded = true;
    wake();
  });
  for (;;) {
    const chunk = waiting.shift();
    if (chunk) yield chunk;
    else if (isEnded) return;
    else {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      socket.resume();
      await woken;
    }
  }
}
