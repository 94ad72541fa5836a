import { hc } from "hono/client";
import type { DeskApi, DeskEvent, DeskGuest } from "./desk-api.ts";
import { overSocket, waitedFor } from "./desk-socket.ts";

/** The daemon did not answer, or could not do what was asked. */
export class DeskError extends Error {
  override readonly name = "DeskError";
  constructor(readonly reason: "unknown-station" | "full" | "unreachable") {
    super(`desk: ${reason}`);
  }
}

/** Without a line from the daemon for so long the stream is taken for dead (it says something every 3 s). */
const SILENCE_MS = 10_000;

/** The portal's way to the daemon: typed calls over a Unix socket. */
export class DeskClient {
  private readonly client;

  constructor(private readonly socket: string) {
    this.client = hc<DeskApi>("http://desk", { fetch: overSocket(socket) as typeof fetch });
  }

  view(address: string): Promise<DeskGuest> {
    return answered(this.client.guest.$get({ query: { address } }));
  }

  shown(address: string): Promise<DeskGuest> {
    return answered(this.client.guest.shown.$post({ query: { address } }));
  }

  /** @param phoneMs what the phone's clock says, in ms since 1970; undefined where it did not tell */
  agree(address: string, language: string, phoneMs?: number): Promise<DeskGuest> {
    const now = phoneMs === undefined ? {} : { now: String(phoneMs) };
    return answered(this.client.guest.agree.$post({ query: { address, language, ...now } }, waitedFor()));
  }

  leave(address: string): Promise<DeskGuest> {
    return answered(this.client.guest.leave.$post({ query: { address } }, waitedFor()));
  }

  /** The daemon's events until the stream ends, breaks or falls silent. */
  async *events(): AsyncGenerator<DeskEvent> {
    const silence = new AbortController();
    const response = await fetch("http://desk/events", { unix: this.socket, signal: silence.signal });
    if (!response.body) return;
    const decoder = new TextDecoder();
    let rest = "";
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      for await (const chunk of response.body) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        // The daemon is ours and the socket is private to us: its lines need no second check.
        for (const line of lines) yield JSON.parse(line) as DeskEvent;
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }
}

interface Answer {
  ok: boolean;
  status: number;
  json(): Promise<unknown>;
}

async function answered(request: Promise<Answer>): Promise<DeskGuest> {
  let response: Answer;
  try {
    response = await request;
  } catch {
    throw new DeskError("unreachable");
  }
  if (response.ok) return (await response.json()) as DeskGuest;
  if (response.status !== 409) throw new DeskError("unreachable");
  const { error } = (await response.json()) as { error: "unknown-station" | "full" };
  throw new DeskError(error);
}
