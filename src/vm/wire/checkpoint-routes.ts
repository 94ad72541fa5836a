import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type Source, UNKNOWN_REPUTATION } from "../admission/index.ts";
import { CheckpointError, type Checkpoints, MAX_CHECKPOINT_ASK_BYTES } from "../checkpoint/index.ts";

/** What of a box's saved machines requesters reach. */
export type AskedCheckpoints = Pick<Checkpoints, "fetch" | "offer" | "append">;

/** Of one `PUT`: what is brought comes in pieces, and after each it is on the medium. */
export const MAX_BROUGHT_BYTES = 16 * 1_048_576;
/** A signed `fetch`, in base64. */
export const ASK_HEADER = "x-omerta-ask";
/** What an offer was answered with: nobody else writes into what somebody brings. */
export const TOKEN_HEADER = "x-omerta-token";

/**
 * Saved machines by HTTP. They are sealed for their requester, so the way need not be secret.
 *
 * - `GET /v1/leases/ID/checkpoint` with a signed `fetch` in {@link ASK_HEADER} gives one out, from where `range: bytes=N-` says.
 * - `POST /v1/checkpoints` takes a signed offer: the head of a file. By that alone the box decides, and says how much it has.
 * - `PUT /v1/checkpoints/ID` with `content-range: bytes N-M/ALL` takes the next piece, and says how much it has then.
 *
 * Then a signed request that names it has it go on.
 * @param checkpoints undefined: this box saves none, or lends nothing now
 */
export function checkpointRoutes(checkpoints: () => AskedCheckpoints | undefined) {
  return new Hono<{ Bindings: { address: string }; Variables: { checkpoints: AskedCheckpoints } }>()
    .use(async (context, next) => {
      const now = checkpoints();
      if (now === undefined) return context.json({ is: "refused", why: "this box saves no machines" }, 404);
      context.set("checkpoints", now);
      return next();
    })
    .onError((error, context) => {
      if (!(error instanceof CheckpointError)) throw error;
      return context.json({ is: "refused", why: error.message }, 400);
    })
    .get("/v1/leases/:id{[0-9a-f]{32}}/checkpoint", (context) => {
      const ask = Uint8Array.from(Buffer.from(context.req.header(ASK_HEADER) ?? "", "base64"));
      const found = context.get("checkpoints").fetch(context.req.param("id"), ask);
      if (!found) return context.json({ is: "refused", why: "nothing of yours is here by that name" }, 404);
      const from = rangeStart(context.req.header("range"));
      if (from === undefined || from >= found.bytes)
        return context.body(null, 416, { "content-range": `bytes */${found.bytes}` });
      return context.body(Bun.file(found.path).slice(from).stream(), from === 0 ? 200 : 206, {
        "content-type": "application/octet-stream",
        "content-length": String(found.bytes - from),
        "accept-ranges": "bytes",
        ...(from === 0 ? {} : { "content-range": `bytes ${from}-${found.bytes - 1}/${found.bytes}` }),
      });
    })
    .post("/v1/checkpoints", bodyLimit({ maxSize: MAX_CHECKPOINT_ASK_BYTES }), async (context) => {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      return context.json(await context.get("checkpoints").offer(bytes, strangerAt(context.env.address)));
    })
    .put("/v1/checkpoints/:id{[0-9a-f]{32}}", bodyLimit({ maxSize: MAX_BROUGHT_BYTES }), async (context) => {
      const [, from] =
        /^bytes (\d{1,15})-\d{1,15}\/\d{1,15}$/.exec(context.req.header("content-range") ?? "") ?? [];
      const { body } = context.req.raw;
      if (from === undefined || body === null)
        return context.json({ is: "refused", why: "a piece needs a range and bytes" }, 400);
      const token = context.req.header(TOKEN_HEADER) ?? "";
      const have = await context
        .get("checkpoints")
        .append(context.req.param("id"), token, Number(from), body);
      return context.json({ is: "here", have });
    });
}

/** @returns undefined for a range that is not given out: its end is always the file's */
function rangeStart(range: string | undefined): number | undefined {
  if (range === undefined) return 0;
  const [, start] = /^bytes=(\d{1,15})-$/.exec(range) ?? [];
  return start === undefined ? undefined : Number(start);
}

/** IPv4 in IPv6's clothes is IPv4. */
const strangerAt = (address: string): Source => ({
  address: address.replace(/^::ffff:(?=\d+\.)/i, ""),
  ...{ local: false, networks: [], reputation: UNKNOWN_REPUTATION },
});
