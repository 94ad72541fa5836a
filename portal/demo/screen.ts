import { Terminal } from "@xterm/xterm";
import { h } from "../app/dom.ts";

/** As the box takes them. */
const LEAST = { columns: 20, rows: 8 };
const MOST = { columns: 200, rows: 80 };
/** Of the screen's height, so that the page around it, and a phone's keyboard, have room. */
const HEIGHT_SHARE = 0.5;
const FONT = 'ui-monospace, "DejaVu Sans Mono", "Roboto Mono", Menlo, Consolas, monospace';
const MOST_SCROLLED_LINES = 2_000;

/** How large a letter is, in CSS pixels: larger where there is room for 80 of them. */
function letterSize(widthPx: number): number {
  return widthPx >= 760 ? 15 : 13;
}

/** How many letters of a terminal fit into a place. */
export function fittingSize(widthPx: number, heightPx: number): { columns: number; rows: number } {
  const letter = letterSize(widthPx);
  const within = (value: number, least: number, most: number) =>
    Math.max(least, Math.min(most, Math.floor(value)));
  return {
    // Monospaced letters are about three fifths as wide as high; a line is a fifth higher.
    columns: within((widthPx - 16) / (letter * 0.61), LEAST.columns, MOST.columns),
    rows: within((heightPx * HEIGHT_SHARE) / (letter * 1.2), LEAST.rows, Math.min(MOST.rows, 30)),
  };
}

/** A terminal of a size, in its place. @param typed what comes of its keyboard */
export function screen(
  { columns, rows }: { columns: number; rows: number },
  label: string,
  typed: (bytes: Uint8Array) => void,
): { element: HTMLElement; terminal: Terminal; mount(): void } {
  const terminal = new Terminal({
    ...{ cols: columns, rows, fontFamily: FONT, scrollback: MOST_SCROLLED_LINES },
    fontSize: letterSize(document.documentElement.clientWidth),
    // For those who do not see it.
    screenReaderMode: true,
  });
  const encoder = new TextEncoder();
  terminal.onData((text) => typed(encoder.encode(text)));
  terminal.onBinary((text) => typed(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  const element = h("div", { class: "x", role: "group", "aria-label": label });
  return {
    ...{ element, terminal },
    mount() {
      terminal.open(element);
      terminal.focus();
    },
  };
}
