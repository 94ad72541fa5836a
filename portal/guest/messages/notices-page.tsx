/** @jsxImportSource hono/jsx */
import { Layout } from "../layout.tsx";
import { frame, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { Back } from "./hub.tsx";
import { Notice } from "./notice-list.tsx";

/** All that operators have to say to everybody, the newest first. */
export function noticesPage(context: PageContext): string {
  const t = wordsOf(context.language);
  const notices = context.notices ?? [];
  return (
    <Layout {...frame(context, t("notices.heading"))} path="/notices">
      {context.facts.notices.map((notice) => (
        <p class="n o" dir="auto">
          {notice}
        </p>
      ))}
      {notices.length + context.facts.notices.length === 0 ? <p>{t("notice.none")}</p> : null}
      {notices.map((notice) => (
        <Notice context={context} notice={notice} />
      ))}
      <Back context={context} />
    </Layout>
  ).toString();
}
