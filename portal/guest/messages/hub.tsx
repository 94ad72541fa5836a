/** @jsxImportSource hono/jsx */
import { link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";

/** The ways to everything that messages can do, the most urgent first. */
export function Hub({ context }: { context: PageContext }) {
  const t = wordsOf(context.language);
  return (
    <>
      <div class="h">
        <a class="b r" href={link("/sos", context)}>
          {t("home.help")}
        </a>
        <a class="b" href={link("/check-in", context)}>
          {t("home.safe")}
        </a>
        <a class="b q" href={link("/people", context)}>
          {t("home.people")}
        </a>
        <a class="b q" href={link("/square", context)}>
          {t("home.square")}
        </a>
      </div>
      <p class="s">
        <a href={link("/mine", context)}>{t("home.mine")}</a> ·{" "}
        <a href={link("/app", context)}>{t("app.title")}</a>
      </p>
    </>
  );
}

/** At the end of a page of messages: back to where all begins. */
export function Back({ context }: { context: PageContext }) {
  return (
    <a class="b q" href={link("/", context)}>
      {wordsOf(context.language)("nav.back")}
    </a>
  );
}
