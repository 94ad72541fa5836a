/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import { MAX_NAME_CHARS, type ShownCheckIn } from "../../../src/messages/index.ts";
import { Layout } from "../layout.tsx";
import { frame, link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { STATE_TEXTS } from "./check-in-page.tsx";
import { Back } from "./hub.tsx";
import { Origin, Pager, Vouched } from "./list.tsx";
import { PlaceText } from "./place-text.tsx";

export interface PeoplePageOptions {
  /** What was searched for; "": the newest of all. */
  query: string;
  /** What {@link checkInItem} made of each, the newest first. */
  items: readonly string[];
  further: boolean;
  next: string | undefined;
}

/** Looks for people by the name that they chose to show. */
export function peoplePage(context: PageContext, options: PeoplePageOptions): string {
  const { query, items, further, next } = options;
  const { language } = context;
  const t = wordsOf(language);
  const nobody = t(query === "" ? "people.empty" : "people.none");
  return (
    <Layout
      {...frame(context, t("home.people"))}
      path={query === "" ? "/people" : `/people?q=${encodeURIComponent(query)}`}
    >
      <form action="/people">
        <input type="hidden" name="lang" value={language.code} />
        <label for="q">{t("people.name")}</label>
        <input id="q" name="q" type="search" maxlength={MAX_NAME_CHARS} dir="auto" value={query} />
        <button class="b" type="submit">
          {t("people.search")}
        </button>
      </form>
      {query === "" && items.length > 0 ? <h2>{t("people.latest")}</h2> : null}
      {items.length === 0 ? <p role="status">{nobody}</p> : raw(items.join(""))}
      <Pager
        context={context}
        path="/people"
        query={query === "" ? {} : { q: query }}
        further={further}
        next={next}
      />
      <a class="b q" href={link("/check-in", context)}>
        {t("checkIn.title")}
      </a>
      <a class="b q" href={link("/app", context)}>
        {t("app.title")}
      </a>
      <Back context={context} />
    </Layout>
  ).toString();
}

/** Somebody who has said how they are. */
export function checkInItem(context: PageContext, checkIn: ShownCheckIn): string {
  const t = wordsOf(context.language);
  return (
    <article>
      <Vouched context={context} shown={checkIn} />
      <p>
        <b>
          <bdi>{checkIn.name}</bdi>
        </b>
        : {t(STATE_TEXTS[checkIn.state])}
      </p>
      {checkIn.text === "" ? null : (
        <p class="o" dir="auto">
          {checkIn.text}
        </p>
      )}
      <PlaceText place={checkIn.place} />
      <p class="s">
        <Origin context={context} shown={checkIn} />
      </p>
    </article>
  ).toString();
}
