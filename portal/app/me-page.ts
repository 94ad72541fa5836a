import { ExportError, MIN_PASSPHRASE_CHARS } from "../../src/identity/person/export-file.ts";
import { MAX_NAME_CHARS } from "../../src/messages/bundle/body-codec.ts";
import { tidyName } from "../../src/messages/bundle/body-text.ts";
import { type Account, account, changed, keepAccount, keyOf } from "./account.ts";
import { bytesToHex } from "./bytes.ts";
import { button, download, field, form, h } from "./dom.ts";
import { exported } from "./export.ts";
import { networkSection } from "./network.ts";
import type { Desk, Page } from "./page.ts";
import { forgetAndBeginAnew } from "./shelf.ts";
import { code, sign } from "./sign.ts";
import { t } from "./texts.ts";

/** The person's own page: name, sign, export. */
export function mePage(desk: Desk, me: Account): Page {
  const element = h(
    "section",
    {},
    removedNote(me),
    h("p", {}, t("app.mySign")),
    sign(keyOf(me).publicKey),
    h("p", {}, t("app.scanMe")),
    code(`${location.origin}/app#to/${bytesToHex(keyOf(me).publicKey)}`),
    me.words === undefined ? undefined : button(t("app.words.show"), () => desk.go("words"), "b q"),
    nameForm(desk, me),
    networkSection(desk.messenger, me),
    exportForm(me),
    forgetButton(),
    button(t("nav.back"), () => desk.go(""), "b q"),
  );
  return { title: t("app.me"), element };
}

/** Whoever was taken off the list of people learns it, and why. */
function removedNote({ cardRemoved: reason }: Account): HTMLElement | undefined {
  if (reason === undefined) return undefined;
  const why = reason === "" ? "" : ` ${t("square.reason", { reason })}`;
  return h("p", { class: "n", role: "status", dir: "auto" }, `${t("app.cardRemoved")}${why}`);
}

function nameForm({ messenger, go }: Desk, me: Account): HTMLElement {
  const name = h("input", { maxlength: String(MAX_NAME_CHARS), dir: "auto", value: me.name, id: "name" });
  const save = () => {
    keepAccount(changed({ ...(account() ?? me), name: tidyName(name.value) }));
    void messenger.send();
    go("");
  };
  return form(save, field(t("checkIn.name"), name), h("button", { class: "b" }, t("app.save")));
}

function exportForm(me: Account): HTMLElement {
  const passphrase = h("input", { type: "password", autocomplete: "new-password", id: "passphrase" });
  const problem = h("p", { role: "alert" });
  const save = async () => {
    problem.textContent = t("app.working");
    try {
      download(await exported(account() ?? me, passphrase.value), "omerta-identity.age");
      problem.textContent = "";
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      problem.textContent = t("app.file.short");
    }
  };
  return form(
    () => void save(),
    h("h2", {}, t("app.file.save")),
    h("p", {}, t("app.file.what")),
    field(t("app.file.passphrase", { count: String(MIN_PASSPHRASE_CHARS) }), passphrase),
    problem,
    h("button", { class: "b" }, t("app.file.save")),
  );
}

/** Asks once more before it does what cannot be undone. */
function forgetButton(): HTMLElement {
  const warning = h("p", { role: "alert" });
  let isSure = false;
  const act = () => {
    if (!isSure) {
      isSure = true;
      warning.textContent = t("app.forgetSure");
      return;
    }
    forgetAndBeginAnew();
  };
  return h("div", {}, h("h2", {}, t("app.forget")), warning, button(t("app.forget"), act, "b q"));
}
