import { fingerprint } from "../../src/identity/fingerprint.ts";
import { keyPicture } from "../../src/identity/person/key-picture.ts";
import { type Account, keyOf } from "./account.ts";
import { box, UnreachableError } from "./box.ts";
import { bytesToHex, hexToBytes } from "./bytes.ts";
import { type Contact, contact, contacts, learnCard, readCard } from "./contacts.ts";
import { button, field, form, h, svg } from "./dom.ts";
import type { Desk, Page } from "./page.ts";
import { vouched } from "./sign.ts";
import { t } from "./texts.ts";

/** Conversations, and the search for people. */
export function homePage(desk: Desk, me: Account): Page {
  const list = h("div");
  const found = h("div", { role: "status" });
  const refresh = () => {
    const shown = contacts().filter(({ lastS }) => lastS > 0);
    const rows = shown.map((one) => row(desk, one, one.unread));
    list.replaceChildren(...(rows.length > 0 ? rows : [h("p", {}, t("app.none"))]));
  };
  const element = h(
    "section",
    {},
    me.words === undefined ? undefined : wordsNote(desk),
    search(desk, me, found),
    found,
    h("h2", {}, t("app.conversations")),
    list,
    button(t("app.me"), () => desk.go("me"), "b q"),
  );
  refresh();
  return { title: t("app.title"), element, refresh };
}

function wordsNote(desk: Desk): HTMLElement {
  return h(
    "div",
    { class: "n" },
    h("p", {}, t("app.words.notYet")),
    button(t("app.words.show"), () => desk.go("words"), "xl"),
  );
}

function search(desk: Desk, me: Account, found: HTMLElement): HTMLElement {
  const name = h("input", { type: "search", dir: "auto", id: "search" });
  const own = bytesToHex(keyOf(me).publicKey);
  const look = async () => {
    const wanted = name.value.trim();
    if (wanted === "") return;
    found.replaceChildren(h("p", {}, t("app.working")));
    try {
      const people = await box.people(wanted);
      const rows = people.flatMap((known) => {
        const card = readCard(known.bundle);
        if (card === undefined || card.key === own) return [];
        const { key, name } = card;
        return [row(desk, { key, name, vouchedBy: known.vouchedBy }, 0, () => learnCard(known))];
      });
      found.replaceChildren(...(rows.length > 0 ? rows : [h("p", {}, t("people.none"))]));
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      found.replaceChildren(h("p", {}, t("app.trouble.unreachable")));
    }
  };
  return form(
    () => void look(),
    field(t("people.name"), name),
    h("button", { class: "b" }, t("people.search")),
  );
}

function row(
  desk: Desk,
  { key, name, vouchedBy }: Pick<Contact, "key" | "name" | "vouchedBy">,
  unread: number,
  before?: () => void,
): HTMLElement {
  const open = () => {
    before?.();
    desk.go(`to/${key}`);
  };
  const publicKey = hexToBytes(key);
  const { isBlocked } = contact(key);
  return h(
    "button",
    { type: "button", class: "xp", click: open },
    svg(keyPicture(publicKey)),
    h(
      "span",
      {},
      vouched(vouchedBy),
      h("b", { dir: "auto" }, name || t("square.nameless")),
      h("small", { lang: "en", dir: "ltr" }, fingerprint(publicKey)),
      isBlocked ? h("small", {}, t("app.blocked")) : undefined,
    ),
    unread > 0 ? h("small", {}, t("app.new", { count: String(unread) })) : undefined,
  );
}
