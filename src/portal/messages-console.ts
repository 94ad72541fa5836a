import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { messagesPage } from "../../portal/console/messages-page.tsx";
import type { OperatorMessages } from "../messages/index.ts";
import { FormTokens } from "./form-token.ts";
import { messagesView } from "./messages-view.ts";
import { MESSAGES_REQUESTS } from "./operator-messages-api.ts";
import { postedFields } from "./posted-fields.ts";

const MAX_FORM_BYTES = 8_192;
/** The page has one operator: its forms have one token. */
const WHO = "operator";

const ACTIONS = ["acknowledge", "hand-over", "close", "notify", "remove", "block", "unblock"] as const;
type Action = (typeof ACTIONS)[number];

/** The operator's page of messages, and its forms. */
export function messagesConsole(messages: OperatorMessages, boxName: string) {
  const tokens = new FormTokens();
  const page = (said?: { ok: boolean; text: string }) =>
    messagesPage(boxName, messagesView(messages), tokens.of(WHO), said);
  return new Hono()
    .get("/", (c) => {
      const done = c.req.query("done");
      return c.html(page(done === undefined ? undefined : { ok: true, text: "Done." }));
    })
    .post("/:action", bodyLimit({ maxSize: MAX_FORM_BYTES }), async (c) => {
      const action = ACTIONS.find((known) => known === c.req.param("action"));
      if (action === undefined) return c.notFound();
      const { token, ...fields } = await postedFields(c.req.raw);
      if (!tokens.matches(WHO, token ?? ""))
        return c.html(
          page({ ok: false, text: "This page had been open for a while. Please send it once more." }),
          403,
        );
      const problem = await act(messages, action, fields);
      if (problem === undefined) return c.redirect("/messages?done", 303);
      return c.html(page({ ok: false, text: problem }), 409);
    });
}

/** @returns why it was not done, or undefined */
async function act(messages: OperatorMessages, action: Action, fields: Record<string, string>) {
  const run = doing(messages, action, fields);
  if (typeof run === "string") return run;
  const result = await run;
  return typeof result !== "string" && "refused" in result ? result.detail : undefined;
}

/** What is asked for, once its fields are right; or what is wrong with them. */
function doing(messages: OperatorMessages, action: Action, fields: Record<string, string>) {
  const wrong = (error: { issues: readonly { path: PropertyKey[]; message: string }[] }) =>
    error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  switch (action) {
    case "acknowledge":
    case "close": {
      const asked = MESSAGES_REQUESTS[action].safeParse(fields);
      if (!asked.success) return wrong(asked.error);
      return messages[action](asked.data.id, asked.data.note);
    }
    case "hand-over": {
      const asked = MESSAGES_REQUESTS[action].safeParse(fields);
      return asked.success ? messages.handOver(asked.data.id, asked.data.to) : wrong(asked.error);
    }
    case "notify": {
      const asked = MESSAGES_REQUESTS[action].safeParse({ ...fields, hours: Number(fields.hours) });
      if (!asked.success) return wrong(asked.error);
      const { level, text, hours } = asked.data;
      return messages.notify(level, text, Math.round(hours * 3_600));
    }
    case "remove": {
      const asked = MESSAGES_REQUESTS[action].safeParse(fields);
      return asked.success ? messages.remove(asked.data.id, asked.data.reason) : wrong(asked.error);
    }
    case "block":
    case "unblock": {
      const asked = MESSAGES_REQUESTS.block.safeParse(fields);
      return asked.success ? messages[action](asked.data.who) : wrong(asked.error);
    }
  }
}
