import "./older-browsers.ts";
import { account } from "./account.ts";
import { conversationPage } from "./conversation-page.ts";
import { h } from "./dom.ts";
import { homePage } from "./home-page.ts";
import { filePage, restorePage, welcomePage, wordsPage } from "./identity-pages.ts";
import { Live } from "./live.ts";
import { mePage } from "./me-page.ts";
import { Messenger } from "./messenger.ts";
import type { Desk, Page } from "./page.ts";
import { keepsAnything, ShelfFullError } from "./shelf.ts";
import { t } from "./texts.ts";

const main = document.getElementById("m") ?? document.body;
const heading = main.querySelector("h1") ?? main.appendChild(h("h1"));
const trouble = h("p", { class: "n", role: "status", hidden: true });
const place = h("div");
let page: Page | undefined;
let live: Live | undefined;

const messenger = new Messenger(refresh);
const desk: Desk = {
  messenger,
  go(to) {
    if (location.hash.slice(1) === to) show();
    else location.hash = to;
  },
};

function chosenPage(to: string): Page {
  const me = account();
  if (me === undefined) {
    if (to === "restore") return restorePage(desk);
    return to === "file" ? filePage(desk) : welcomePage(desk);
  }
  const [, key] = /^to\/([0-9a-f]{64})$/.exec(to) ?? [];
  if (key !== undefined) return conversationPage(desk, key);
  if (to === "words" && me.words !== undefined) return wordsPage(desk);
  return to === "me" ? mePage(desk, me) : homePage(desk, me);
}

function show(): void {
  page = chosenPage(location.hash.slice(1));
  heading.textContent = page.title;
  heading.dir = "auto";
  place.replaceChildren(page.element);
  if (account() !== undefined && live === undefined) {
    live = new Live(messenger);
    live.start();
  }
  refresh();
}

function refresh(): void {
  const { isFull, trouble: key } = messenger;
  trouble.hidden = (key === undefined && !isFull) || account() === undefined;
  if (isFull) trouble.textContent = t("app.full");
  else trouble.textContent = key === undefined ? "" : t(`app.trouble.${key}`);
  page?.refresh?.();
}

/** What nobody has caught is told: above all that there is no room to keep anything. */
function tell(error: unknown): void {
  if (!(error instanceof ShelfFullError)) return;
  trouble.hidden = false;
  trouble.textContent = t("app.full");
}

addEventListener("error", ({ error }) => tell(error));
addEventListener("unhandledrejection", ({ reason }) => tell(reason));
addEventListener("hashchange", show);

document.getElementById("start")?.remove();
if (keepsAnything()) {
  heading.after(trouble, place);
  show();
} else {
  heading.after(h("p", { class: "n" }, t("app.noStorage", { address: location.host })));
}
