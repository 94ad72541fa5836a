import "../app/older-browsers.ts";
import { button, h } from "../app/dom.ts";
import { BoxConsole } from "./console.ts";
import { extraKeys } from "./keys.ts";
import { fittingSize, screen } from "./screen.ts";
import type { DemoTextKey } from "./text-keys.ts";

const texts = JSON.parse(document.getElementById("texts")?.textContent ?? "{}") as Record<string, string>;
const t = (key: DemoTextKey, values: Readonly<Record<string, string>> = {}): string =>
  (texts[key] ?? key).replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);

const REFUSALS: Readonly<Record<string, DemoTextKey>> = {
  full: "demo.full",
  none: "demo.none",
  consent: "demo.consent",
};
const ENDS: Readonly<Record<string, DemoTextKey>> = {
  time: "demo.ended.time",
  left: "demo.ended.left",
  closed: "demo.ended.left",
  host: "demo.ended.host",
};

const place = h("div");
const said = h("p", { role: "status" });
let current: BoxConsole | undefined;

function offer(): void {
  current = undefined;
  place.replaceChildren(button(t("demo.start"), () => void begin()));
}

async function begin(): Promise<void> {
  said.textContent = t("demo.starting");
  place.replaceChildren();
  const size = fittingSize(place.clientWidth, window.innerHeight);
  const answer = await fetch("/demo/start", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(size),
  })
    .then((response) => response.json() as Promise<{ id?: string; refused?: string }>)
    .catch(() => ({ refused: "failed", id: undefined }));
  if (answer.id === undefined) {
    said.textContent = t(REFUSALS[answer.refused ?? ""] ?? "demo.failed");
    return offer();
  }
  show(answer.id, size);
}

function show(id: string, size: { columns: number; rows: number }): void {
  const encoder = new TextEncoder();
  const { element, terminal, mount } = screen(size, t("demo.screen"), (bytes) => type(bytes));
  const keys = extraKeys(t("demo.keys"), (text) => {
    console_.type(encoder.encode(text));
    terminal.focus();
  });
  const type = (bytes: Uint8Array) =>
    console_.type(encoder.encode(keys.next(new TextDecoder().decode(bytes))));
  const left = h("p", { class: "s" });
  let endsAtMs = 0;
  const clock = setInterval(() => {
    const seconds = Math.max(0, Math.round((endsAtMs - performance.now()) / 1_000));
    left.textContent = t("demo.timeLeft", { time: clockText(seconds) });
  }, 1_000);
  const console_ = new BoxConsole(id, {
    begins(secondsLeft) {
      endsAtMs = performance.now() + 1_000 * secondsLeft;
      terminal.reset();
    },
    out(bytes) {
      if (said.textContent !== "") said.textContent = "";
      terminal.write(bytes);
    },
    reachable(isReachable) {
      if (!isReachable) said.textContent = t("demo.lost");
      else if (said.textContent === t("demo.lost")) said.textContent = "";
    },
    ended: (why) => over(why),
  });
  const over = (why: string) => {
    clearInterval(clock);
    terminal.dispose();
    said.textContent = t(ENDS[why] ?? "demo.ended.machine");
    offer();
  };
  current = console_;
  const end = button(
    t("demo.end"),
    () => {
      console_.leave();
      over("left");
    },
    "b q",
  );
  place.replaceChildren(element, keys.element, left, end);
  mount();
}

/** 9:05 */
const clockText = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

document.getElementById("start")?.replaceWith(said, place);
// A page that is left is gone, and its machine with it, even if the browser keeps the page to show it once more.
addEventListener("pagehide", () => current?.leave());
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  said.textContent = t("demo.ended.left");
  offer();
});
offer();
