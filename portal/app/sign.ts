import { fingerprint } from "../../src/identity/fingerprint.ts";
import { keyPicture } from "../../src/identity/person/key-picture.ts";
import { h, svg } from "./dom.ts";

/** A person's key for eyes: a picture, and words. */
export function sign(publicKey: Uint8Array): HTMLElement {
  const words = h("b", { lang: "en", dir: "ltr" }, fingerprint(publicKey));
  return h("p", { class: "h" }, svg(keyPicture(publicKey)), words);
}
