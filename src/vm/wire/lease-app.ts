import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import { type Source, UNKNOWN_REPUTATION } from "../admission/index.ts";
import type { Lender, LenderNews } from "../lending/index.ts";
import { LeaseCommandError, MAX_COMMAND_BYTES, MAX_SIGNED_REQUEST_BYTES } from "../request/index.ts";

/** What of a lender requesters reach. */
export type AskedLender = Pick<Lender, "request" | "command" | "events">;

export interface LeaseAppOptions {
  lender: AskedLender;
  timers: Timers;
}

/** Each of these costs a signature's check, and a request a decision and a line in the journal. */
const LIMITS = { burst: 20, perSecond: 5, totalPerSecond: 100, maxSources: 4_096 };
/** Streams of events that are open at once; the oldest gives way. */
const MOST_STREAMS = 256;
/** Lines that wait for one who does not take them. */
const MOST_UNSENT = 64;
/** So that neither end, nor a NAT between them, takes a silent stream for a dead one. */
const BEAT_MS = 20_000;

/**
 * What a requester asks a box by HTTP. Its bytes are signed, so the way need not be secret: `POST /v1/leases` takes a
 * request and `POST /v1/commands` a command, both answered with JSON; `GET /v1/leases/ID/events` tells of a lease, a line
 * of JSON each time and an empty one as a sign of life. Who does not know a lease's id, 128 random bits, is told nothing
 * of it. By this way nobody is a member: whoever asks is a stranger at `address`.
 */
export function leaseApp({ lender, timers }: LeaseAppOptions) {
  const limiter = new SourceLimiter(LIMITS, timers.monotonicMs());
  const streams = new Set<() => void>();
  return new Hono<{ Bindings: { address: string } }>()
    .use(async (context, next) => {
      if (limiter.takes(context.env.address, timers.monotonicMs())) return next();
      return context.text("too many requests", 429, { "retry-after": "1" });
    })
    .post("/v1/leases", bodyLimit({ maxSize: MAX_SIGNED_REQUEST_BYTES }), async (context) => {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      return context.json(await lender.request(bytes, strangerAt(context.env.address)));
    })
    .post("/v1/commands", bodyLimit({ maxSize: MAX_COMMAND_BYTES }), async (context) => {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      try {
        return context.json(await lender.command(bytes));
      } catch (error) {
        if (!(error instanceof LeaseCommandError)) throw error;
        return context.json({ is: "refused", why: error.message }, 400);
      }
    })
    .get("/v1/leases/:id{[0-9a-f]{32}}/events", (context) => {
      if (streams.size >= MOST_STREAMS) for (const end of [...streams].slice(0, 1)) end();
      const body = eventStream(lender, context.req.param("id"), timers, streams);
      return context.body(body, 200, { "content-type": "application/x-ndjson" });
    });
}

/** IPv4 in IPv6's clothes is IPv4. */
const strangerAt = (address: string): Source => ({
  address: address.replace(/^::ffff:(?=\d+\.)/i, ""),
  ...{ local: false, networks: [], reputation: UNKNOWN_REPUTATION },
});

function eventStream(
  lender: AskedLender,
  lease: string,
  timers: Timers,
  streams: Set<() => void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let stopBeat = () => {};
        let stopListening = () => {};
        const end = () => {
          stop();
          controller.close();
        };
        stop = () => {
          streams.delete(end);
          stopBeat();
          stopListening();
        };
        const say = (line: string) => {
          if ((controller.desiredSize ?? 0) < -MOST_UNSENT) end();
          else controller.enqueue(encoder.encode(`${line}\n`));
        };
        const beat = () => {
          say("");
          if (streams.has(end)) stopBeat = timers.after(BEAT_MS, beat);
        };
        streams.add(end);
        stopListening = lender.events(lease, (news: LenderNews) => say(JSON.stringify(news)));
        beat();
      },
      cancel: () => stop(),
    },
    new CountQueuingStrategy({ highWaterMark: 1 }),
  );
}
