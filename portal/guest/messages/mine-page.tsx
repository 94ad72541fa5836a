/** @jsxImportSource hono/jsx */
import type { Delivery, DeliveryState } from "../../../src/messages/index.ts";
import type { TextKey } from "../../locales/index.ts";
import { Layout } from "../layout.tsx";
import { frame, Hidden, link, type PageContext } from "../page-context.tsx";
import { durationText, wordsOf } from "../words.ts";
import type { Draft } from "./draft.ts";
import { Field } from "./fields.tsx";
import { Back } from "./hub.tsx";

/** Of what a code is for: calls for help, check-ins and posts; the rest needs a key. */
const TITLES: Readonly<Partial<Record<Delivery["kind"], TextKey>>> = {
  sos: "mine.sos",
  "check-in": "mine.checkIn",
  post: "mine.post",
};

const STATES: Readonly<Record<DeliveryState, TextKey>> = {
  waiting: "mine.waiting",
  "on-lora": "mine.onLora",
  "handed-over": "mine.handedOver",
  delivered: "mine.delivered",
  read: "mine.read",
  acknowledged: "mine.acknowledged",
  closed: "mine.closed",
  removed: "square.removed",
};
const REFRESH_S = 20;
const MAX_CODE_CHARS = 24;

/** Asks for the code of what was sent. */
export function codePage(context: PageContext, draft: Draft): string {
  const { language } = context;
  const t = wordsOf(language);
  return (
    <Layout {...frame(context, t("home.mine"))} path="/mine">
      {draft.problem === undefined ? null : (
        <p class="n e" role="alert">
          {t(draft.problem)}
        </p>
      )}
      <form action="/mine">
        <input type="hidden" name="lang" value={language.code} />
        <Field
          language={language}
          draft={draft}
          name="code"
          label="mine.code"
          most={MAX_CODE_CHARS}
          keyboard="numeric"
          direction="ltr"
          hint="mine.codeHow"
          needed
        />
        <button class="b" type="submit">
          {t("mine.show")}
        </button>
      </form>
      <Back context={context} />
    </Layout>
  ).toString();
}

/** What has become of something that was sent; looks again by itself as long as something can change. */
export function deliveryPage(context: PageContext, token: string, code: string, delivery: Delivery): string {
  const { language } = context;
  const t = wordsOf(language);
  const { kind, state, etaSeconds, by } = delivery;
  const isRemoved = state === "removed";
  const note = isRemoved ? "" : delivery.note;
  const said = saidOf(delivery);
  const url = link("/mine", context, { code });
  const path = `/mine?code=${code}`;
  const isOnItsWay = state === "waiting" || state === "on-lora";
  const goesOn = state !== "closed" && state !== "read" && !isRemoved;
  return (
    <Layout
      {...frame(context, t(TITLES[kind] ?? "home.mine"))}
      path={path}
      {...(goesOn ? { refresh: { seconds: REFRESH_S, url } } : {})}
    >
      <div class="n">
        <p>
          <b>{t(said)}</b>
        </p>
        {isOnItsWay && etaSeconds !== undefined ? (
          <p>{t("mine.eta", { time: durationText(language, etaSeconds) })}</p>
        ) : null}
        {by === undefined ? null : <p>{t("mine.by", { box: by })}</p>}
        {isRemoved && delivery.note !== "" ? <p>{t("square.reason", { reason: delivery.note })}</p> : null}
        {note === "" ? null : (
          <>
            <p>{t("mine.note")}</p>
            <blockquote class="o" dir="auto">
              {note}
            </blockquote>
          </>
        )}
        {goesOn ? <p class="s">{t("mine.again")}</p> : null}
      </div>
      {kind === "sos" && !isRemoved ? (
        <>
          <p>{t("sos.phone")}</p>
          {isOnItsWay ? <p>{t("sos.next")}</p> : null}
        </>
      ) : null}
      <p>{t("mine.keep")}</p>
      <p>
        <bdi class="a" dir="ltr">
          {code}
        </bdi>
      </p>
      {kind === "post" ? (
        <a class="b q" href={link("/square", context)}>
          {t("home.square")}
        </a>
      ) : null}
      {kind === "check-in" ? (
        <a class="b q" href={link("/people", context)}>
          {t("home.people")}
        </a>
      ) : null}
      {isRemoved ? null : (
        <form method="post" action="/mine">
          <Hidden token={token} language={language} />
          <input type="hidden" name="code" value={code} />
          <button class="b q" type="submit">
            {t("mine.takeBack")}
          </button>
          <p class="s">{t("mine.takeBackHow")}</p>
        </form>
      )}
      <Back context={context} />
    </Layout>
  ).toString();
}

function saidOf({ kind, state, note, removedBy }: Delivery): TextKey {
  if (state === "removed" && removedBy === "sender") return "square.takenBack";
  // What an operator has given to helpers comes with a word to whom.
  return kind === "sos" && state === "handed-over" && note !== "" ? "mine.passedOn" : STATES[state];
}

/** It is taken back. */
export function takenBackPage(context: PageContext): string {
  const t = wordsOf(context.language);
  return (
    <Layout {...frame(context, t("mine.takenBack"))}>
      <p>{t("mine.takeBackHow")}</p>
      <Back context={context} />
    </Layout>
  ).toString();
}
