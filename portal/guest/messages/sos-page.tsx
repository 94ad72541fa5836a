/** @jsxImportSource hono/jsx */
import {
  MAX_CONTACT_CHARS,
  MAX_NAME_CHARS,
  MAX_PLACE_CHARS,
  MAX_TEXT_CHARS,
} from "../../../src/messages/index.ts";
import { Layout } from "../layout.tsx";
import { frame, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import type { Draft } from "./draft.ts";
import { Field, Form } from "./fields.tsx";
import { Back } from "./hub.tsx";

/** A few digits, as people write them. */
const NUMBER_CHARS = 7;
/** Two numbers, and what may stand between them. */
export const MAX_AT_CHARS = 40;

/** A call for help: one field is enough. Nobody has to agree to anything for it. */
export function sosPage(context: PageContext, token: string, draft: Draft): string {
  const { language } = context;
  const t = wordsOf(language);
  const common = { language, draft };
  // Whoever is told of a mistake sees the field at once.
  const open = draft.faults.length > 0 ? { open: true } : {};
  return (
    <Layout {...frame(context, t("home.help"))} path="/sos">
      <Form context={context} action="/sos" token={token} draft={draft} send="sos.send" urgent>
        <p class="n e">{t("sos.phone")}</p>
        <Field {...common} name="text" label="sos.text" most={MAX_TEXT_CHARS} rows={3} needed />
        <Field {...common} name="place" label="form.place" most={MAX_PLACE_CHARS} />
        <details {...open}>
          <summary>{t("sos.more")}</summary>
          <Field {...common} name="people" label="sos.people" most={NUMBER_CHARS} keyboard="numeric" />
          <Field {...common} name="injured" label="sos.injured" most={NUMBER_CHARS} keyboard="numeric" />
          <Field {...common} name="name" label="form.name" most={MAX_NAME_CHARS} />
          <Field {...common} name="contact" label="sos.contact" most={MAX_CONTACT_CHARS} />
          <Field {...common} name="battery" label="sos.battery" most={NUMBER_CHARS} keyboard="numeric" />
          <Field
            {...common}
            name="at"
            label="form.at"
            most={MAX_AT_CHARS}
            direction="ltr"
            placeholder="35.6892, 51.3890"
          />
        </details>
      </Form>
      <p>{t("sos.next")}</p>
      <p class="s">
        {t("sos.free")} {t("sos.public")}
      </p>
      <Back context={context} />
    </Layout>
  ).toString();
}
