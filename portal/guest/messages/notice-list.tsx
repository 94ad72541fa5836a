/** @jsxImportSource hono/jsx */
import type { ShownNotice } from "../../../src/messages/index.ts";
import type { TextKey } from "../../locales/index.ts";
import { link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { ageText } from "./age.ts";

const LEVELS: Readonly<Record<ShownNotice["level"], { key: TextKey; look: string }>> = {
  information: { key: "notice.information", look: "n" },
  warning: { key: "notice.warning", look: "n w" },
  danger: { key: "notice.danger", look: "n e" },
};

/** What an operator has to say to everybody, who they are as far as this box knows, and how long ago it was. */
export function Notice({ context, notice }: { context: PageContext; notice: ShownNotice }) {
  const { language } = context;
  const t = wordsOf(language);
  const { key, look } = LEVELS[notice.level];
  return (
    <section class={look}>
      <h2>{t(key)}</h2>
      <p class="o" dir="auto">
        {notice.text}
      </p>
      <p class="s">
        {ageText(language, notice.ageS)} · {t(notice.trusted ? "notice.trusted" : "notice.untrusted")}
        {notice.box === undefined ? null : (
          <>
            {" · "}
            <bdi>{notice.box}</bdi>
          </>
        )}
      </p>
    </section>
  );
}

/** On pages that have to fit into little, the most urgent ones, each cut short; what nobody vouches for comes after what somebody does. */
const SHOWN_FIRST = 2;
const FIRST_CHARS = 160;
const URGENCY = { danger: 0, warning: 1, information: 2 } as const;

/** The operators' most urgent notices, for the first pages, and the way to all of them. */
export function FirstNotices({ context }: { context: PageContext }) {
  const notices = context.notices ?? [];
  if (notices.length === 0) return null;
  const urgent = [...notices]
    .sort((a, b) => Number(b.trusted) - Number(a.trusted) || URGENCY[a.level] - URGENCY[b.level])
    .slice(0, SHOWN_FIRST);
  return (
    <>
      {urgent.map((notice) => (
        <Notice context={context} notice={{ ...notice, text: shortened(notice.text) }} />
      ))}
      <p>
        <a href={link("/notices", context)}>{wordsOf(context.language)("notice.all")}</a>
      </p>
    </>
  );
}

/** The start of a text, cut after a word where there are words. */
function shortened(text: string): string {
  const signs = [...text];
  if (signs.length <= FIRST_CHARS) return text;
  const start = signs.slice(0, FIRST_CHARS).join("");
  const space = start.lastIndexOf(" ");
  return `${(space > FIRST_CHARS / 2 ? start.slice(0, space) : start).trimEnd()} …`;
}
