import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Source } from "../admission/index.ts";
import { CheckpointError, type OfferAnswer, openCheckpointAsk } from "../checkpoint/index.ts";
import {
  type LeaseAsk,
  LeaseRequestError,
  MAX_COMMAND_BYTES,
  MAX_SEALED_ASK_BYTES,
  MAX_SIGNED_REQUEST_BYTES,
} from "../request/index.ts";
import { type AskedCheckpoints, checkpointRoutes } from "./checkpoint-routes.ts";
import type { AskWay, LeaseDesk } from "./lease-desk.ts";

export interface LeaseAppOptions {
  desk: LeaseDesk;
  /** Now; undefined: none are saved. */
  checkpoints?: () => AskedCheckpoints | undefined;
}

/** Lines that wait for one who does not take them. */
const MOST_UNSENT = 64;

const NOT_OURS =
  "This box cannot read that: it is in none of your networks, or knows another shared key of yours.";

/**
 * What a requester asks a box by HTTP. Its bytes are signed, so the way need not be secret: `POST /v1/leases` takes a
 * request and `POST /v1/commands` a command, both answered with JSON; `GET /v1/leases/ID/events` tells of a lease, a line
 * of JSON each time and an empty one as a sign of life. Who does not know a lease's id, 128 random bits, is told nothing
 * of it. Whoever asks so is a stranger at `address`.
 *
 * Members ask by `POST /v1/sealed`, with certificates: the body is sealed with their network's shared key, and so is what is
 * answered, of events each line, in base64. Whoever watches the way sees addresses, lengths and times; not which network it
 * is, who asks, for what, nor what becomes of it. Who shows a sealed ask that they have recorded to another box can tell
 * whether that is in the same network, for it could not answer otherwise.
 */
export function leaseApp({ desk, checkpoints = () => undefined }: LeaseAppOptions) {
  return new Hono<{ Bindings: { address: string } }>()
    .use(async (context, next) => {
      if (desk.takes(context.env.address)) return next();
      return context.text("too many requests", 429, { "retry-after": "1" });
    })
    .post("/v1/leases", bodyLimit({ maxSize: MAX_SIGNED_REQUEST_BYTES }), async (context) => {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      return context.json(await desk.request(bytes, undefined, openCounter(context.env.address)));
    })
    .post("/v1/commands", bodyLimit({ maxSize: MAX_COMMAND_BYTES }), async (context) => {
      const answer = await desk.command(new Uint8Array(await context.req.arrayBuffer()));
      return context.json(answer, answer.is === "refused" && answer.beyond === undefined ? 400 : 200);
    })
    .get("/v1/leases/:id{[0-9a-f]{32}}/events", (context) => {
      const lines = linesOf(desk, context.req.param("id"), (line) => line);
      return context.body(lines, 200, { "content-type": "application/x-ndjson" });
    })
    .post("/v1/sealed", bodyLimit({ maxSize: MAX_SEALED_ASK_BYTES }), async (context) => {
      const opened = openedBy(desk, new Uint8Array(await context.req.arrayBuffer()));
      if (opened === undefined) return context.json({ is: "refused", why: NOT_OURS }, 403);
      const { ask, membership, answers } = opened;
      if (ask.kind === "events") {
        const sealed = (line: string) => Buffer.from(answers.seal(Buffer.from(line))).toString("base64");
        return context.body(linesOf(desk, ask.lease, sealed), 200, { "content-type": "text/plain" });
      }
      const way = { ...openCounter(context.env.address), membership };
      const answer = await answerTo(ask, way, desk, checkpoints());
      const body = Uint8Array.from(answers.seal(Buffer.from(JSON.stringify(answer))));
      return context.body(body.buffer, 200, { "content-type": "application/octet-stream" });
    })
    .route("/", checkpointRoutes(checkpoints));
}

/** What a member is answered to all that is no stream. */
function answerTo(
  ask: Exclude<LeaseAsk, { kind: "events" }>,
  way: AskWay,
  desk: LeaseDesk,
  checkpoints: AskedCheckpoints | undefined,
): unknown {
  switch (ask.kind) {
    case "request":
      return desk.request(ask.bytes, ask.chain, way);
    case "command":
      return desk.command(ask.bytes);
    case "offer":
      return offered(checkpoints, ask.bytes, (requester) => desk.source(requester, ask.chain, way));
    case "who":
      return { is: "box", key: way.membership && Buffer.from(way.membership.publicKey).toString("hex") };
  }
}

/** A saved machine that somebody would bring. */
async function offered(
  checkpoints: AskedCheckpoints | undefined,
  bytes: Uint8Array,
  sourceOf: (requester: string) => Source,
): Promise<OfferAnswer> {
  if (!checkpoints) return { is: "refused", why: "This box saves no machines." };
  try {
    return await checkpoints.offer(bytes, sourceOf(openCheckpointAsk(bytes).requester));
  } catch (error) {
    if (error instanceof CheckpointError) return { is: "refused", why: error.message };
    throw error;
  }
}

/** A member who has sealed what is no ask has made it so, or another version has: either way nobody here can read it. */
function openedBy(desk: LeaseDesk, sealed: Uint8Array): ReturnType<LeaseDesk["open"]> {
  try {
    return desk.open(sealed);
  } catch (error) {
    if (error instanceof LeaseRequestError) return undefined;
    throw error;
  }
}

/** IPv4 in IPv6's clothes is IPv4. */
const openCounter = (address: string): AskWay => ({
  address: address.replace(/^::ffff:(?=\d+\.)/i, ""),
  ...{ membership: undefined, carrier: undefined },
});

/** @param written what is sent of a line, without its end */
function linesOf(
  desk: LeaseDesk,
  lease: string,
  written: (line: string) => string,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let isOver = false;
        const end = () => {
          if (!isOver) controller.close();
          isOver = true;
        };
        const say = (line: string) => {
          if (isOver) return;
          if ((controller.desiredSize ?? 0) >= -MOST_UNSENT) {
            controller.enqueue(encoder.encode(`${written(line)}\n`));
            return;
          }
          stop();
          end();
        };
        stop = desk.follow(lease, say, end);
      },
      cancel: () => stop(),
    },
    new CountQueuingStrategy({ highWaterMark: 1 }),
  );
}
