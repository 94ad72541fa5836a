import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { stream } from "hono/streaming";
import { z } from "zod";
import { GuestError } from "../gateway/index.ts";
import type { Logger } from "../host/log.ts";
import { type DemoNews, LEAST_SIZE, MOST_SIZE } from "../vm/demo/index.ts";
import type { GuestDevice } from "./desk-messages-api.ts";
import type { GuestDemos } from "./guest-demos.ts";

/** Why a visitor gets no machine. */
export type DemoTrouble = "none" | "full" | "failed" | "consent" | "unknown-station";

/** Of one post: what somebody pastes. */
export const MAX_KEYS_BYTES = 4_096;
/** The portal closes a stream after 10 s of silence. */
const ALIVE_EVERY_MS = 7_000;
/** What waits for a page that is slower than its machine; then the machine waits. */
const MAX_BEHIND_BYTES = 65_536;

const address = z.union([z.ipv4(), z.ipv6()]);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const size = z.strictObject({
  columns: z.int().min(LEAST_SIZE.columns).max(MOST_SIZE.columns),
  rows: z.int().min(LEAST_SIZE.rows).max(MOST_SIZE.rows),
});
const own = zValidator("query", z.strictObject({ address, id }));

/**
 * The part of the desk for machines that visitors try in their browser: it begins one, brings its console as server-sent events, and
 * takes keys. A machine is its station's alone.
 * @param deviceAt whose an address is. @throws {GuestError}
 */
export function deskDemoApi(
  demos: GuestDemos,
  deviceAt: (address: string) => Promise<GuestDevice>,
  log: Logger,
) {
  return new Hono()
    .use(bodyLimit({ maxSize: MAX_KEYS_BYTES }))
    .onError((error, c) => {
      if (error instanceof HTTPException) return error.getResponse();
      if (error instanceof GuestError)
        return c.json({ refused: "unknown-station" satisfies DemoTrouble }, 200);
      log.error({ error }, `${c.req.method} ${c.req.path}`);
      return c.json({ error: "failed" as const }, 500);
    })
    .post("/start", zValidator("query", z.strictObject({ address })), zValidator("json", size), async (c) => {
      const { station, agreed } = await deviceAt(c.req.valid("query").address);
      if (!agreed) return c.json({ refused: "consent" satisfies DemoTrouble }, 200);
      return c.json(await demos.begin(station, c.req.valid("json")), 200);
    })
    .post("/keys", own, async (c) => {
      const { address, id } = c.req.valid("query");
      const { station } = await deviceAt(address);
      const isTaken = demos.type(id, station, new Uint8Array(await c.req.arrayBuffer()));
      return c.body(null, isTaken ? 204 : 409);
    })
    .post("/leave", own, async (c) => {
      const { address, id } = c.req.valid("query");
      demos.leave(id, (await deviceAt(address)).station);
      return c.body(null, 204);
    })
    .get("/events", own, async (c) => {
      const { address, id } = c.req.valid("query");
      const { station } = await deviceAt(address);
      let waiting = "";
      let isOver = false;
      let wake = () => {};
      const end = demos.listen(id, station, (news) => {
        waiting += eventOf(news);
        isOver ||= news.is === "ended";
        wake();
        return waiting.length < MAX_BEHIND_BYTES;
      });
      if (!end) return c.body(null, 404);
      c.header("Content-Type", "text/event-stream");
      return stream(c, async (out) => {
        const timer = setInterval(() => {
          waiting ||= ":\n\n";
          wake();
        }, ALIVE_EVERY_MS);
        out.onAbort(() => wake());
        try {
          while (!out.aborted) {
            if (waiting === "") {
              if (isOver) break;
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
              continue;
            }
            const text = waiting;
            waiting = "";
            await out.write(text);
            demos.more(id);
          }
        } finally {
          clearInterval(timer);
          end();
        }
      });
    });
}

/** As server-sent events are written (WHATWG HTML, section 9.2). */
function eventOf(news: DemoNews): string {
  switch (news.is) {
    case "left":
      return `event: left\ndata: ${Math.round(news.ms / 1_000)}\n\n`;
    case "out":
      return `event: out\ndata: ${Buffer.from(news.bytes).toString("base64")}\n\n`;
    case "ended":
      return `event: ended\ndata: ${news.why}\n\n`;
  }
}
