import { zValidator } from "@hono/zod-validator";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { NOTICE_LEVELS, type NotSent, type OperatorMessages } from "../messages/index.ts";

/** An id, or its first digits where they are enough. */
const id = z.string().regex(/^[0-9a-f]{4,24}$/, "4 to 24 hex digits, as the lists show them");
const words = (max: number) => z.string().trim().max(max);
const folder = z.string().min(1).max(4_096).startsWith("/", "an absolute path");

/** What an operator may ask for, by the forms of the page and by the command line. */
export const MESSAGES_REQUESTS = {
  acknowledge: z.strictObject({ id, note: words(280).default("") }),
  "hand-over": z.strictObject({ id, to: words(280).min(1) }),
  close: z.strictObject({ id, note: words(280).default("") }),
  notify: z.strictObject({
    level: z.enum(NOTICE_LEVELS).default("information"),
    text: words(1_000).min(1),
    hours: z.number().positive().max(720).default(48),
  }),
  remove: z.strictObject({ id, reason: words(200).default("") }),
  block: z.strictObject({ who: words(200).min(1) }),
  folder: z.strictObject({ folder }),
};

/** What the command line sends. */
export type MessagesRequest = {
  [K in keyof typeof MESSAGES_REQUESTS]: z.input<(typeof MESSAGES_REQUESTS)[K]>;
};

const body = <K extends keyof typeof MESSAGES_REQUESTS>(name: K) =>
  zValidator("json", MESSAGES_REQUESTS[name], (result, c) => {
    if (result.success) return;
    const detail = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
    return c.json({ refused: "form", detail } satisfies NotSent, 400);
  });

/** The operator's side of messages, for the command line; the page has its own forms. */
export function operatorMessagesApi(messages: OperatorMessages) {
  const answered = async (c: Context, answer: Promise<object | string>) => {
    const result = await answer;
    if (typeof result === "string") return c.json({ id: result });
    return c.json(result, "refused" in result ? 409 : 200);
  };
  return new Hono()
    .get("/status", (c) => c.json(messages.status()))
    .get("/sos", (c) => c.json(messages.sosBoard(c.req.query("all") !== undefined)))
    .get("/notices", (c) => c.json(messages.notices()))
    .get("/posts", (c) => c.json(messages.posts(c.req.query("room") ?? "square", c.req.query("before"))))
    .get("/check-ins", (c) => c.json(messages.checkIns(c.req.query("name") ?? "", c.req.query("before"))))
    .get("/reported", (c) => c.json(messages.reported()))
    .get("/blocked", (c) => c.json(messages.blocked()))
    .get("/outbox", (c) => c.json(messages.outbox()))
    .post("/acknowledge", body("acknowledge"), (c) => {
      const { id, note } = c.req.valid("json");
      return answered(c, messages.acknowledge(id, note));
    })
    .post("/hand-over", body("hand-over"), (c) => {
      const { id, to } = c.req.valid("json");
      return answered(c, messages.handOver(id, to));
    })
    .post("/close", body("close"), (c) => {
      const { id, note } = c.req.valid("json");
      return answered(c, messages.close(id, note));
    })
    .post("/notify", body("notify"), (c) => {
      const { level, text, hours } = c.req.valid("json");
      return answered(c, messages.notify(level, text, Math.round(hours * 3_600)));
    })
    .post("/remove", body("remove"), (c) => {
      const { id, reason } = c.req.valid("json");
      return answered(c, messages.remove(id, reason));
    })
    .post("/block", body("block"), (c) => answered(c, messages.block(c.req.valid("json").who)))
    .post("/unblock", body("block"), (c) => answered(c, messages.unblock(c.req.valid("json").who)))
    .post("/export", body("folder"), (c) => answered(c, messages.exportTo(c.req.valid("json").folder)))
    .post("/import", body("folder"), (c) => answered(c, messages.importFrom(c.req.valid("json").folder)));
}
