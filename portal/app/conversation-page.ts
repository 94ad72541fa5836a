import { tidyLines } from "../../src/messages/bundle/body-text.ts";
import { MAX_TEXT_CHARS } from "../../src/messages/sealed/sealed-body.ts";
import { hexToBytes } from "./bytes.ts";
import { contact, type Entry, entries } from "./contacts.ts";
import { button, field, form, h } from "./dom.ts";
import { manage } from "./manage.ts";
import type { Desk, Page } from "./page.ts";
import { PhotoError, scaledDown } from "./photo.ts";
import { forget, keep, kept } from "./shelf.ts";
import { sign, vouched } from "./sign.ts";
import { stateText, t, timeText } from "./texts.ts";

/** Shown at first; more on request. */
const SHOWN = 60;

/** What was said with one person, and what is being written to them. */
export function conversationPage(desk: Desk, key: string): Page {
  const list = h("div", { role: "log" });
  let shown = SHOWN;
  let replyTo: Entry | undefined;
  const compose = composer(desk, key, () => {
    const id = replyTo?.id;
    replyTo = undefined;
    return id;
  });
  const answer = (entry: Entry) => {
    replyTo = entry;
    compose.replyingTo(entry);
  };
  const refresh = () => {
    if (!document.hidden) desk.messenger.markRead(key);
    const all = entries(key);
    const rows = all.slice(-shown).map((entry) => message(entry, all, answer));
    const more = () => {
      shown += SHOWN;
      refresh();
    };
    list.replaceChildren(...(all.length > shown ? [button(t("list.older"), more, "xl")] : []), ...rows);
  };
  const mark = h("p");
  const showMark = () => mark.replaceChildren(...[vouched(contact(key).vouchedBy) ?? []].flat());
  const element = h(
    "section",
    {},
    button(t("nav.back"), () => desk.go(""), "xl"),
    mark,
    h(
      "details",
      {},
      h("summary", {}, t("app.sign")),
      h("p", {}, t("app.theirSign")),
      sign(hexToBytes(key)),
      manage(desk, key),
    ),
    contact(key).isBlocked ? h("p", { class: "n" }, t("app.blocked")) : undefined,
    list,
    compose.element,
  );
  refresh();
  showMark();
  const isNameless = contact(key).name === "";
  // Who vouches for somebody may be another thing by now.
  void desk.messenger.card(key).then((card) => {
    showMark();
    // With the name that was learnt.
    if (isNameless && card !== undefined && card.name !== "" && element.isConnected) desk.go(`to/${key}`);
  });
  setTimeout(() => compose.element.scrollIntoView({ block: "end" }));
  return { title: contact(key).name || t("square.nameless"), element, refresh };
}

function message(entry: Entry, all: readonly Entry[], answer: (entry: Entry) => void): HTMLElement {
  const { isMine, text, image, replyTo, atS } = entry;
  const answered = replyTo === undefined ? undefined : all.find(({ id }) => id === replyTo);
  const state = isMine ? ` · ${stateText(entry)}` : "";
  return h(
    "div",
    { class: isMine ? "xm xo" : "xm", dir: "auto" },
    answered === undefined ? undefined : h("div", { class: "xr", dir: "auto" }, excerpt(answered)),
    image === undefined ? undefined : photo(image),
    text,
    h(
      "small",
      { dir: document.documentElement.dir },
      `${timeText(atS)}${state} `,
      button(t("square.reply"), () => answer(entry), "xl"),
    ),
  );
}

/** The form of a photo is known by its first letters in base64: WebP begins with "RIFF". */
function photo(base64: string): HTMLElement {
  if (base64 === "") return h("small", {}, t("app.photoGone"));
  const type = base64.startsWith("UklGR") ? "image/webp" : "image/jpeg";
  return h("img", { src: `data:${type};base64,${base64}`, alt: t("app.photo") });
}

const excerpt = ({ text }: Entry): string => (text === "" ? t("app.photo") : text.slice(0, 80));

interface Composer {
  element: HTMLElement;
  replyingTo(entry: Entry): void;
}

/** @param takeReply the id of what is answered, which is then no more */
function composer({ messenger }: Desk, key: string, takeReply: () => string | undefined): Composer {
  const draft = `draft.${key}`;
  const note = h("p", { class: "s", role: "status" });
  const text = h("textarea", { maxlength: String(MAX_TEXT_CHARS), dir: "auto", id: "text" });
  text.value = kept<string>(draft) ?? "";
  text.addEventListener("input", () => keep(draft, text.value));
  const write = (image?: Uint8Array) => {
    const words = tidyLines(text.value);
    if (words === "" && image === undefined) return;
    messenger.write(key, words, image, takeReply());
    text.value = "";
    forget(draft);
    note.textContent = "";
  };
  const file = h("input", {
    type: "file",
    accept: "image/*",
    class: "xf",
    id: "photo",
    "aria-label": t("app.photo"),
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (chosen === undefined) return;
    note.textContent = t("app.working");
    scaledDown(chosen).then(write, (error: unknown) => {
      if (!(error instanceof PhotoError)) throw error;
      note.textContent = t("app.photoBad");
    });
  });
  const element = form(
    () => write(),
    note,
    field(t("app.write"), text),
    file,
    h(
      "div",
      { class: "xw" },
      h("button", { class: "b" }, t("app.send")),
      button(t("app.photo"), () => file.click(), "b q"),
    ),
    h("p", { class: "s" }, t("app.photoWifi")),
  );
  const replyingTo = (entry: Entry) => {
    const cancel = () => {
      takeReply();
      note.textContent = "";
    };
    note.replaceChildren(
      `${t("app.replyTo", { text: excerpt(entry) })} `,
      button(t("app.cancel"), cancel, "xl"),
    );
    text.focus();
  };
  return { element, replyingTo };
}
