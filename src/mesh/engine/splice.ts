import type { Stream } from "@libp2p/interface";
import { roomToSend } from "./stream-room.ts";

/** Bytes of one direction that wait to go on before the sender is told to wait. */
const MAX_WAITING_BYTES = 65_536;
/** Cut to this, so that circuits take turns at a shared rate. */
const PIECE_BYTES = 16_384;

/**
 * Joins two streams until both directions have ended, or either was reset. Nothing is dropped: who sends faster than the
 * other takes, or than the rate allows, is told to wait, as far as what carries its stream can tell it; a stream that
 * cannot be told (over WebRTC) is reset once 4 MiB wait.
 * @param pass resolves when that many bytes may go on
 */
export async function splice(a: Stream, b: Stream, pass: (bytes: number) => Promise<void>): Promise<void> {
  const fail = (error: unknown): void => {
    const reason = error instanceof Error ? error : new Error(String(error));
    a.abort(reason);
    b.abort(reason);
  };
  await Promise.all([pump(a, b, pass), pump(b, a, pass)].map((done) => done.catch(fail)));
}

async function pump(from: Stream, to: Stream, pass: (bytes: number) => Promise<void>): Promise<void> {
  for await (const piece of pieces(from)) {
    await pass(piece.byteLength);
    to.send(piece);
    await roomToSend(to);
  }
  await to.close();
}

/** A stream's bytes as they are asked for; the stream is paused while more wait than should. */
async function* pieces(stream: Stream): AsyncGenerator<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let ended = false;
  let failure: Error | undefined;
  let wake = (): void => {};
  const end = (error: Error | undefined): void => {
    failure ??= error;
    ended = true;
    wake();
  };
  stream.addEventListener("end", () => end(undefined));
  stream.addEventListener("close", ({ error }) => {
    if (error !== undefined || stream.readBufferLength === 0) end(error);
  });
  stream.addEventListener("message", ({ data }) => {
    const bytes = data.subarray();
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES)
      waiting.push(bytes.subarray(at, at + PIECE_BYTES));
    waitingBytes += bytes.byteLength;
    if (waitingBytes > MAX_WAITING_BYTES && stream.readStatus === "readable") stream.pause();
    wake();
  });
  if (stream.readableEnded || (stream.status !== "open" && stream.readBufferLength === 0)) ended = true;
  while (true) {
    const piece = waiting.shift();
    if (failure !== undefined) throw failure;
    if (piece !== undefined) {
      waitingBytes -= piece.byteLength;
      if (waitingBytes <= MAX_WAITING_BYTES / 2 && stream.readStatus === "paused") resume(stream);
      yield piece;
    } else if (ended) return;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

function resume(stream: Stream): void {
  try {
    stream.resume();
  } catch {
    // Its connection has gone; what it had kept was handed on before this was thrown.
  }
}
