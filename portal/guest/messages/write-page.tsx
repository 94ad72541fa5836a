/** @jsxImportSource hono/jsx */
import { MAX_NAME_CHARS, MAX_TEXT_CHARS, type ShownPost } from "../../../src/messages/index.ts";
import { Layout } from "../layout.tsx";
import { frame, link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import type { Draft } from "./draft.ts";
import { Field, Form } from "./fields.tsx";
import { roomName } from "./square-page.tsx";

export interface WritePageOptions {
  room: string;
  /** The id of the post that is answered; "" for none. */
  reply: string;
  /** That post, where the box still shows it. */
  answered?: ShownPost | undefined;
  draft: Draft;
}

/** Writes a post, or an answer to one. */
export function writePage(context: PageContext, token: string, options: WritePageOptions): string {
  const { room, reply, answered, draft } = options;
  const { language } = context;
  const t = wordsOf(language);
  const common = { language, draft };
  const name = answered === undefined || answered.name === "" ? t("square.nameless") : answered.name;
  const title = reply === "" ? roomName(context, room) : t("square.replying", { name });
  return (
    <Layout {...frame(context, title)} path={`/write?${new URLSearchParams({ room, reply })}`}>
      {answered === undefined ? null : (
        <blockquote class="o" dir="auto">
          {answered.text}
        </blockquote>
      )}
      <Form context={context} action="/write" token={token} draft={draft} send="square.send">
        <input type="hidden" name="room" value={room} />
        <input type="hidden" name="reply" value={reply} />
        <Field {...common} name="text" label="square.write" most={MAX_TEXT_CHARS} rows={5} needed />
        <Field {...common} name="name" label="form.name" most={MAX_NAME_CHARS} />
      </Form>
      <p class="s">{t("square.public")}</p>
      <a class="b q" href={link("/square", context, { room })}>
        {t("nav.back")}
      </a>
    </Layout>
  ).toString();
}
