/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { TextKey } from "../locales/index.ts";
import { Layout } from "./layout.tsx";
import { Hub } from "./messages/hub.tsx";
import { FirstNotices } from "./messages/notice-list.tsx";
import { type BoxFacts, frame, Hidden, link, type PageContext } from "./page-context.tsx";
import { PHONE_TIME_FORM, PhoneTimeField, PhoneTimeScript } from "./phone-time.tsx";

export type { BoxFacts, PageContext } from "./page-context.tsx";

import { type Words, wordsOf } from "./words.ts";

function Notices({ facts, t }: { facts: BoxFacts; t: Words }) {
  if (facts.notices.length === 0) return null;
  return (
    <section class="n">
      <h2>{t("notices.heading")}</h2>
      <ul>
        {facts.notices.map((notice) => (
          <li class="o" dir="auto">
            {notice}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What is said of being online: before consent what will be, after it what is. */
function onlineKey({ internet, toldOnline }: BoxFacts, when: "before" | "after"): TextKey {
  if (!toldOnline) return "online.notTold";
  if (internet) return "online.uplink";
  return when === "before" ? "online.told" : "on.told";
}

/** Pages to which a guest who has agreed is led on. */
export const NEXT_PAGES = ["check-in", "write", "square"] as const;
export type NextPage = (typeof NEXT_PAGES)[number];

/**
 * The first page: what this is, who runs it, what works, the risks, and one button.
 * @param again the form came back too late: the guest is asked to tap once more
 * @param next where the guest wanted to go, and may once they have agreed
 */
export function welcomePage(context: PageContext, token: string, again = false, next?: NextPage): string {
  const { facts, language } = context;
  const t = wordsOf(language);
  return (
    <Layout {...frame(context, t("welcome.title", { name: facts.name }))} path="/">
      {again ? <p class="n">{t("problem.again")}</p> : null}
      {next === undefined ? null : <p class="n">{t("form.consent")}</p>}
      {facts.messages && next === undefined ? <Hub context={context} /> : null}
      <FirstNotices context={context} />
      <Notices facts={facts} t={t} />
      {facts.welcome === "" ? null : (
        <p class="o" dir="auto">
          {facts.welcome}
        </p>
      )}
      <p>{t("welcome.what")}</p>
      {facts.operator === "" ? null : <p>{t("welcome.runBy", { operator: facts.operator })}</p>}
      {facts.contact === "" ? null : <p>{t("welcome.contact", { contact: facts.contact })}</p>}
      <h2>{t("works.heading")}</h2>
      <ul>
        {facts.services.length === 0 ? <li>{t("works.box")}</li> : null}
        {facts.services.map(({ name }) => (
          <li>
            <bdi>{name}</bdi>
          </li>
        ))}
        <li>{t(facts.internet ? "works.internetYes" : "works.internetNo")}</li>
      </ul>
      <h2>{t("risks.heading")}</h2>
      <ul>
        <li>{t("risks.radio")}</li>
        <li>{t("risks.machines")}</li>
        <li>{t("risks.log")}</li>
        {facts.messages ? <li>{t("risks.messages")}</li> : null}
        <li>{t("risks.advice")}</li>
      </ul>
      <p>
        <a href={link("/risks", context)}>{t("risks.more")}</a>
      </p>
      <form method="post" action="/agree" name={facts.asksTime ? PHONE_TIME_FORM : undefined}>
        <Hidden token={token} language={language} />
        {facts.asksTime ? <PhoneTimeField /> : null}
        {next === undefined ? null : <input type="hidden" name="next" value={next} />}
        <p class="s">{t(onlineKey(facts, "before"))}</p>
        <button class="b" type="submit">
          {t("consent.button")}
        </button>
        <p class="s">{t("consent.note")}</p>
      </form>
      {facts.asksTime ? <PhoneTimeScript /> : null}
    </Layout>
  ).toString();
}

const LONG_SECTIONS = [
  ["long.radio.title", "long.radio.text"],
  ["long.see.title", "long.see.text"],
  ["long.machines.title", "long.machines.text"],
  ["long.log.title", "long.log.text"],
  ["long.fake.title", "long.fake.text"],
  ["long.stop.title", "long.stop.text"],
] as const;

/** The long version of the risks. */
export function risksPage(context: PageContext): string {
  const { facts, language } = context;
  const t = wordsOf(language);
  return (
    <Layout {...frame(context, t("long.title"))} path="/risks">
      {LONG_SECTIONS.map(([title, text]) => (
        <section>
          <h2>{t(title)}</h2>
          <p>{t(text)}</p>
          {title === "long.log.title" && facts.messages ? <p>{t("risks.messages")}</p> : null}
          {title === "long.see.title" ? (
            <p>{t(facts.guestToGuest ? "long.guests.together" : "long.guests.apart")}</p>
          ) : null}
        </section>
      ))}
      <a class="b q" href={link("/", context)}>
        {t("nav.back")}
      </a>
    </Layout>
  ).toString();
}

/**
 * After consent: what can be used, as large buttons, messages first.
 * @param timeLeft in words
 * @param qrSvg the portal's address as an SVG
 */
export function onPage(context: PageContext, timeLeft: string, qrSvg: string): string {
  const { facts, language } = context;
  const t = wordsOf(language);
  const { portalUrl: address, farServices: far = [] } = facts;
  return (
    <Layout {...frame(context, t("on.title"))} path="/on">
      {facts.messages ? <Hub context={context} /> : null}
      <FirstNotices context={context} />
      <Notices facts={facts} t={t} />
      <h2>{t("on.services")}</h2>
      {facts.services.length + far.length === 0 ? <p>{t("on.noServices")}</p> : null}
      {facts.services.map(({ name, description, url }) => (
        <a class="b" href={url} dir="auto">
          {name}
          {description === "" ? null : <small>{description}</small>}
        </a>
      ))}
      {far.map(({ name, box, url }) => (
        <a class="b" href={url} dir="auto">
          {name}
          <small>{t("on.atBox", { box })}</small>
        </a>
      ))}
      {facts.demoMinutes === undefined ? null : (
        <a class="b q" href={link("/demo", context)}>
          {t("demo.link")}
        </a>
      )}
      <p class="s">{t(onlineKey(facts, "after"))}</p>
      <h2>{t("on.browser")}</h2>
      <p>{t("on.browserHow")}</p>
      <p>
        <bdi class="a" dir="ltr">
          {address}
        </bdi>
      </p>
      <div class="c" role="img" aria-label={t("on.qr", { address })}>
        {raw(qrSvg)}
      </div>
      <p class="s">{t("on.timeLeft", { time: timeLeft })}</p>
      <a class="b q" href={link("/leave", context)}>
        {t("leave.link")}
      </a>
      <p>
        <a href={link("/risks", context)}>{t("risks.more")}</a>
      </p>
    </Layout>
  ).toString();
}

/** Asks whether the guest wants to leave. */
export function leavePage(context: PageContext, token: string): string {
  const t = wordsOf(context.language);
  return (
    <Layout {...frame(context, t("leave.title"))} path="/leave">
      <p>{t("leave.what")}</p>
      <form method="post" action="/leave">
        <Hidden token={token} language={context.language} />
        <button class="b" type="submit">
          {t("leave.button")}
        </button>
      </form>
      <a class="b q" href={link("/on", context)}>
        {t("leave.stay")}
      </a>
    </Layout>
  ).toString();
}

/** The guest has left. */
export function leftPage(context: PageContext): string {
  const t = wordsOf(context.language);
  return (
    <Layout {...frame(context, t("left.title"))}>
      <p>{t("left.what")}</p>
      <a class="b" href={link("/", context)}>
        {t("left.back")}
      </a>
    </Layout>
  ).toString();
}

export type ProblemKey = Extract<
  TextKey,
  "problem.starting" | "problem.unknown" | "problem.full" | "error.slow"
>;
const RETRY_S = 4;
/** For those who were told to wait a minute. */
const SLOW_RETRY_S = 60;

/** Something is in the way; the page tries again by itself. */
export function problemPage(context: PageContext, key: ProblemKey, retryUrl: string): string {
  const seconds = key === "error.slow" ? SLOW_RETRY_S : RETRY_S;
  const t = wordsOf(context.language);
  return (
    <Layout {...frame(context, t("problem.title"))} refresh={{ seconds, url: retryUrl }}>
      <p>{t(key)}</p>
      <a class="b q" href={retryUrl}>
        {t("nav.portal")}
      </a>
    </Layout>
  ).toString();
}

/** For clients that ignore a redirect: a page that leads on by itself. */
export function refreshPage(context: PageContext, url: string): string {
  const t = wordsOf(context.language);
  return (
    <Layout {...frame(context, context.facts.name)} refresh={{ seconds: 0, url }}>
      <a class="b" href={url}>
        {t("nav.portal")}
      </a>
    </Layout>
  ).toString();
}
