import { h } from "../app/dom.ts";

/** What a key sends (ECMA-48; cursor keys as xterm sends them, ctlseqs.txt, "PC-Style Function Keys"). */
const KEYS: readonly (readonly [string, string])[] = [
  ["Esc", "\x1b"],
  ["Tab", "\t"],
  ["↑", "\x1b[A"],
  ["↓", "\x1b[B"],
  ["←", "\x1b[D"],
  ["→", "\x1b[C"],
];

/** With Ctrl held, a letter is the control character of the same five bits (ECMA-48, 5.2). */
export const withControl = (letter: string): string =>
  /^[a-z@[\\\]^_]$/i.test(letter) ? String.fromCharCode(letter.toUpperCase().charCodeAt(0) & 0x1f) : letter;

/** A row of keys that a phone's keyboard lacks. Ctrl is for the one letter that comes next. */
export function extraKeys(
  label: string,
  typed: (text: string) => void,
): { element: HTMLElement; next(text: string): string } {
  let isControl = false;
  const control = h("button", { type: "button", click: () => hold(!isControl) }, "Ctrl");
  const hold = (held: boolean) => {
    isControl = held;
    control.setAttribute("aria-pressed", String(held));
  };
  hold(false);
  const others = KEYS.map(([name, sent]) => h("button", { type: "button", click: () => typed(sent) }, name));
  return {
    element: h("div", { class: "y", role: "group", "aria-label": label }, control, others),
    next(text) {
      if (!isControl) return text;
      hold(false);
      return withControl(text);
    },
  };
}
