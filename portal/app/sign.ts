import { fingerprint } from "../../src/identity/fingerprint.ts";
import { keyPicture } from "../../src/identity/person/key-picture.ts";
import { qrSvg } from "../guest/qr-svg.ts";
import { h, svg } from "./dom.ts";
import { t } from "./texts.ts";

/** A person's key for eyes: a picture, and words. */
export function sign(publicKey: Uint8Array): HTMLElement {
  const words = h("b", { lang: "en", dir: "ltr" }, fingerprint(publicKey));
  return h("p", { class: "xh" }, svg(keyPicture(publicKey)), words);
}

/** That a network vouches for somebody; nothing where none does. It goes before their name, on a line of its own: see `list.tsx`. */
export function vouched(vouchedBy: string | undefined): HTMLElement | undefined {
  if (vouchedBy === undefined || vouchedBy === "") return undefined;
  const [before, after] = t("list.vouchedBy").split("{network}");
  return h("small", { class: "v" }, `✓ ${before}`, h("bdi", {}, vouchedBy), after);
}

/** A text as a QR code, for the camera of another device. */
export function code(text: string): HTMLElement {
  return h("div", { class: "c", role: "img", "aria-label": t("app.scanCode", { text }) }, svg(qrSvg(text)));
}
