import { messagesPage } from "../../portal/console/messages-page.tsx";
import type { OperatorMessages } from "../messages/index.ts";
import { messagesView } from "./messages-view.ts";
import { operatorForms } from "./operator-forms.ts";
import { MESSAGES_REQUESTS } from "./operator-messages-api.ts";

const ACTIONS = ["acknowledge", "hand-over", "close", "notify", "remove", "block", "unblock"] as const;
type Action = (typeof ACTIONS)[number];

/** The operator's page of messages, and its forms. */
export const messagesConsole = (messages: OperatorMessages, boxName: string) =>
  operatorForms({
    path: "/messages",
    maxFormBytes: 8_192,
    actions: ACTIONS,
    page: (token, said) => messagesPage(boxName, messagesView(messages), token, said),
    act: (action, fields) => act(messages, action, fields),
  });

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
