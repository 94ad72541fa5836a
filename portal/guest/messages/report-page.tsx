/** @jsxImportSource hono/jsx */
import { MAX_REASON_CHARS } from "../../../src/messages/index.ts";
import { Layout } from "../layout.tsx";
import { frame, link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import type { Draft } from "./draft.ts";
import { Field, Form } from "./fields.tsx";

/** What is reported, and where its reader came from. */
export interface Reported {
  id: string;
  room: string;
}

/** Tells those who run the box of a post. */
export function reportPage(
  context: PageContext,
  token: string,
  { id, room }: Reported,
  draft: Draft,
): string {
  const { language } = context;
  const t = wordsOf(language);
  return (
    <Layout {...frame(context, t("report.title"))} path={`/report?${new URLSearchParams({ id, room })}`}>
      <p>{t("report.what")}</p>
      <Form context={context} action="/report" token={token} draft={draft} send="square.report">
        <input type="hidden" name="id" value={id} />
        <input type="hidden" name="room" value={room} />
        <Field
          language={language}
          draft={draft}
          name="reason"
          label="report.reason"
          most={MAX_REASON_CHARS}
          rows={3}
        />
      </Form>
      <BackToRoom context={context} room={room} />
    </Layout>
  ).toString();
}

/** @param gone the post was not there any more */
export function reportedPage(context: PageContext, room: string, gone: boolean): string {
  const t = wordsOf(context.language);
  return (
    <Layout {...frame(context, t("report.title"))}>
      <p>{t(gone ? "report.gone" : "report.done")}</p>
      <BackToRoom context={context} room={room} />
    </Layout>
  ).toString();
}

function BackToRoom({ context, room }: { context: PageContext; room: string }) {
  return (
    <a class="b q" href={link("/square", context, { room })}>
      {wordsOf(context.language)("nav.back")}
    </a>
  );
}
