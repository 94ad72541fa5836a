import { type PersonKey, personKeyOfWords } from "../../src/identity/person/person-key.ts";
import { newRecoveryWords, readRecoveryWords, WordsError } from "../../src/identity/person/recovery-words.ts";
import { MAX_NAME_CHARS } from "../../src/messages/bundle/body-codec.ts";
import { tidyName } from "../../src/messages/bundle/body-text.ts";
import { account, changed, keepAccount, newAccount } from "./account.ts";
import { box } from "./box.ts";
import { random } from "./bytes.ts";
import { readCard } from "./contacts.ts";
import { button, field, form, h } from "./dom.ts";
import { imported } from "./export.ts";
import type { Desk, Page } from "./page.ts";
import { t } from "./texts.ts";

/** The first page of somebody who has no key here. */
export function welcomePage(desk: Desk): Page {
  const name = h("input", {
    maxlength: String(MAX_NAME_CHARS),
    autocomplete: "nickname",
    dir: "auto",
    id: "name",
  });
  const working = h("p", { role: "status" });
  const make = async () => {
    working.textContent = t("app.working");
    await shown();
    const words = newRecoveryWords(random);
    keepAccount(changed(newAccount(personKeyOfWords(words), tidyName(name.value), words)));
    desk.go("words");
  };
  const element = h(
    "section",
    {},
    h("p", {}, t("app.intro")),
    form(
      () => void make(),
      field(t("checkIn.name"), name),
      working,
      h("button", { class: "b" }, t("app.make")),
    ),
    button(t("app.haveWords"), () => desk.go("restore"), "b q"),
    button(t("app.haveFile"), () => desk.go("file"), "b q"),
  );
  return { title: t("app.title"), element };
}

/** The recovery words, to be written down. */
export function wordsPage(desk: Desk): Page {
  const me = account();
  const words = me?.words?.split(" ") ?? [];
  const done = () => {
    // What has been kept since the words were shown stays: where the card is, new prekeys.
    const now = account();
    if (now !== undefined) {
      const { words: _, ...rest } = now;
      keepAccount(rest);
    }
    desk.go("");
  };
  const element = h(
    "section",
    {},
    h("p", {}, t("app.words.what")),
    // BIP-39's words are English whatever the language of the page is.
    h("ol", { class: "xg", lang: "en", dir: "ltr" }, ...words.map((word) => h("li", {}, word))),
    button(t("app.words.done"), done),
    button(t("app.words.later"), () => desk.go(""), "b q"),
  );
  return { title: t("app.words.title"), element };
}

/** Brings an identity back by its words. */
export function restorePage(desk: Desk): Page {
  const typed = h("textarea", {
    lang: "en",
    dir: "ltr",
    autocapitalize: "none",
    autocomplete: "off",
    spellcheck: "false",
    id: "words",
  });
  const problem = h("p", { role: "alert" });
  const restore = async () => {
    problem.textContent = t("app.working");
    await shown();
    try {
      const key = personKeyOfWords(readRecoveryWords(typed.value));
      keepAccount(changed(newAccount(key, ...(await lastKnown(key)))));
      desk.go("");
    } catch (error) {
      if (!(error instanceof WordsError)) throw error;
      problem.textContent = problemText(error, typed.value);
    }
  };
  const element = h(
    "section",
    {},
    form(
      () => void restore(),
      field(t("app.words.type"), typed),
      problem,
      h("button", { class: "b" }, t("app.words.restore")),
    ),
    button(t("nav.back"), () => desk.go(""), "b q"),
  );
  return { title: t("app.haveWords"), element };
}

/** Resolves once the browser has drawn what was changed: what follows keeps an old phone busy for a second or more. */
const shown = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

/** Name and numbers of the card that boxes have of this key: the next one must come after it. */
async function lastKnown(
  key: PersonKey,
): Promise<[name: string, words: undefined, last?: { version: number; prekeyNumber: number }]> {
  const known = await box.card(key.publicKey).catch(() => undefined);
  const card = known === undefined ? undefined : readCard(known.bundle);
  return card === undefined ? ["", undefined] : [card.name, undefined, card];
}

function problemText({ problem, field, suggestions }: WordsError, typed: string): string {
  const words = typed.toLowerCase().match(/[a-z]+/g) ?? [];
  if (problem === "words") return t("app.words.count", { count: String(words.length) });
  if (problem === "checksum") {
    const perhaps = suggestions.map(({ index, word }) =>
      t("app.words.perhaps", { number: String(index + 1), word }),
    );
    return [t("app.words.wrong"), ...perhaps].join(" ");
  }
  const index = Number(/\d+/.exec(field)?.[0] ?? 0);
  const near = suggestions.map(({ word }) => word).join(", ");
  return t("app.words.unknown", { word: words[index] ?? "", number: String(index + 1), words: near || "–" });
}

/** Brings everything back from an export. */
export function filePage(desk: Desk): Page {
  const file = h("input", { type: "file", id: "file" });
  const passphrase = h("input", { type: "password", autocomplete: "current-password", id: "passphrase" });
  const problem = h("p", { role: "alert" });
  const read = async () => {
    const [chosen] = file.files ?? [];
    if (chosen === undefined) return;
    problem.textContent = t("app.working");
    try {
      await imported(new Uint8Array(await new Response(chosen).arrayBuffer()), passphrase.value);
      desk.go("");
    } catch (error) {
      console.warn("the file was not taken in", error);
      problem.textContent = t("app.file.wrong");
    }
  };
  const element = h(
    "section",
    {},
    form(
      () => void read(),
      field(t("app.file.choose"), file),
      field(t("app.file.opens"), passphrase),
      problem,
      h("button", { class: "b" }, t("app.file.open")),
    ),
    button(t("nav.back"), () => desk.go(""), "b q"),
  );
  return { title: t("app.haveFile"), element };
}
