import { MAX_REASON_CHARS } from "../../src/messages/bundle/body-codec.ts";
import { bundleId, decodeBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { box, UnreachableError } from "./box.ts";
import { fromBase64 } from "./bytes.ts";
import { changeContact, contact } from "./contacts.ts";
import { button, field, form, h } from "./dom.ts";
import type { Desk } from "./page.ts";
import { forget } from "./shelf.ts";
import { t } from "./texts.ts";

/** What one may do about a person: block, report, delete. */
export function manage({ go }: Desk, key: string): HTMLElement {
  const { isBlocked } = contact(key);
  const block = () => {
    changeContact(key, { isBlocked: !isBlocked });
    go("");
  };
  const remove = () => {
    // The session stays: without it what they write next could not be opened.
    forget(`log.${key}`);
    forget(`draft.${key}`);
    changeContact(key, { lastS: 0, unread: 0 });
    go("");
  };
  return h(
    "div",
    {},
    button(t(isBlocked ? "app.unblock" : "app.block"), block, "b q"),
    reportForm(key),
    button(t("app.delete"), remove, "b q"),
  );
}

/** Reports a person by their card, which stays at the box: messages that have arrived do not, and nobody there could read them. */
function reportForm(key: string): HTMLElement | undefined {
  const { card } = contact(key);
  if (card === undefined) return undefined;
  const id = bundleId(decodeBundle(fromBase64(card)));
  const reason = h("textarea", { maxlength: String(MAX_REASON_CHARS), dir: "auto", id: "reason" });
  const told = h("p", { role: "status" });
  const report = async () => {
    try {
      const answer = await box.report(id, reason.value.trim());
      told.textContent = t("reported" in answer ? "report.done" : "app.trouble.refused");
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      told.textContent = t("app.trouble.unreachable");
    }
  };
  return form(
    () => void report(),
    h("p", { class: "s" }, t("app.reportWhat")),
    field(t("report.reason"), reason),
    told,
    h("button", { class: "b q" }, t("square.report")),
  );
}
