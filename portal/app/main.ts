import "./older-browsers.ts";
import { account } from "./account.ts";
import { conversationPage } from "./conversation-page.ts";
import { button, h } from "./dom.ts";
import { homePage } from "./home-page.ts";
import { filePage, restorePage, welcomePage, wordsPage } from "./identity-pages.ts";
import { forgetPlaces } from "./incoming.ts";
import { Live } from "./live.ts";
import { mePage } from "./me-page.ts";
import { Messenger, type Trouble } from "./messenger.ts";
import { ElsewhereError, isElsewhere, isHeldElsewhere, takeOver, watchTabs } from "./one-tab.ts";
import type { Desk, Page } from "./page.ts";
import { keepsAnything, ShelfFullError } from "./shelf.ts";
import type { AppTextKey } from "./text-keys.ts";
import { t } from "./texts.ts";

/** Why nothing goes out, in words. */
const TROUBLES: Readonly<Record<Trouble, AppTextKey>> = {
  unreachable: "app.trouble.unreachable",
  consent: "app.trouble.consent",
  refused: "app.trouble.refused",
  working: "work.doing",
};

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
  if (isElsewhere()) return;
  const { isFull, trouble: key } = messenger;
  trouble.hidden = (key === undefined && !isFull) || account() === undefined;
  if (isFull) trouble.textContent = t("app.full");
  else trouble.textContent = key === undefined ? "" : t(TROUBLES[key]);
  page?.refresh?.();
}

/** This tab is the one that goes on with the page. */
async function goOnHere(): Promise<void> {
  if (isHeldElsewhere()) {
    if (document.hidden) return standAside();
    // Nothing is kept until the other has given way: so nothing can be typed.
    showInstead(h("p", { role: "status" }, t("app.working")));
  }
  await takeOver();
  if (isElsewhere()) return standAside();
  forgetPlaces();
  live?.resume();
  show();
}

/** Another one is. What was being written is kept. */
function standAside(): void {
  const here = button(t("app.goOnHere"), () => void goOnHere());
  showInstead(h("p", { class: "n", role: "status" }, t("app.elsewhere")), here);
}

/** In the place of a page, while this tab is not the one. */
function showInstead(...elements: HTMLElement[]): void {
  live?.pause();
  page = undefined;
  trouble.hidden = true;
  place.replaceChildren(...elements);
}

function lookedAt(): void {
  if (!document.hidden && isElsewhere()) void goOnHere();
}

/** What nobody has caught is told: above all that there is no room to keep anything. */
function tell(error: unknown, event: Event): void {
  // What was under way has ended where it was, as it should.
  if (error instanceof ElsewhereError) event.preventDefault();
  if (!(error instanceof ShelfFullError)) return;
  trouble.hidden = false;
  trouble.textContent = t("app.full");
}

addEventListener("error", (event) => tell(event.error, event));
addEventListener("unhandledrejection", (event) => tell(event.reason, event));

document.getElementById("start")?.remove();
if (keepsAnything()) {
  heading.after(trouble, place);
  watchTabs(standAside);
  addEventListener("hashchange", () => (isElsewhere() ? void goOnHere() : show()));
  addEventListener("focus", lookedAt);
  document.addEventListener("visibilitychange", lookedAt);
  // A page that comes back as it was left.
  addEventListener("pageshow", ({ persisted }) => persisted && void goOnHere());
  void goOnHere();
} else {
  heading.after(h("p", { class: "n" }, t("app.noStorage", { address: location.host })));
}
