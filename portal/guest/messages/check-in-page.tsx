/** @jsxImportSource hono/jsx */

import type { CheckInState } from "../../../src/messages/index.ts";
import { MAX_NAME_CHARS, MAX_PLACE_CHARS, MAX_TEXT_CHARS } from "../../../src/messages/index.ts";
import type { TextKey } from "../../locales/index.ts";
import { Layout } from "../layout.tsx";
import { frame, link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import type { Draft } from "./draft.ts";
import { Choice, Field, Form } from "./fields.tsx";
import { Back } from "./hub.tsx";

export const STATE_TEXTS: Readonly<Record<CheckInState, TextKey>> = {
  safe: "home.safe",
  "needs-things": "checkIn.needsThings",
  "on-the-move": "checkIn.onTheMove",
  hurt: "checkIn.hurt",
};
/** The order in which people are asked; the names are those of the bundle. */
const STATES = Object.entries(STATE_TEXTS);
export const MAX_TELL_CHARS = 250;

/** Says to everybody how somebody is, and what becomes of it. */
export function checkInPage(context: PageContext, token: string, draft: Draft): string {
  const { language } = context;
  const t = wordsOf(language);
  const common = { language, draft };
  return (
    <Layout {...frame(context, t("checkIn.title"))} path="/check-in">
      <p>{t("checkIn.public")}</p>
      <Form context={context} action="/check-in" token={token} draft={draft} send="checkIn.send">
        <Field {...common} name="name" label="checkIn.name" most={MAX_NAME_CHARS} needed />
        <Choice {...common} name="state" label="checkIn.state" options={STATES} />
        <p class="s">
          <a href={link("/sos", context)}>{t("home.help")}</a>
        </p>
        <Field {...common} name="place" label="form.place" most={MAX_PLACE_CHARS} />
        <Field {...common} name="text" label="checkIn.text" most={MAX_TEXT_CHARS} rows={2} />
        <Field
          {...common}
          name="tell"
          label="checkIn.tell"
          most={MAX_TELL_CHARS}
          keyboard="email"
          direction="ltr"
          hint="checkIn.tellHow"
        />
      </Form>
      <Back context={context} />
    </Layout>
  ).toString();
}
