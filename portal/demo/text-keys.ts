import type en from "../locales/en.json";

/** What the script of the page says. */
export const DEMO_TEXT_KEYS = [
  "demo.start",
  "demo.starting",
  "demo.timeLeft",
  "demo.end",
  "demo.screen",
  "demo.keys",
  "demo.lost",
  "demo.full",
  "demo.failed",
  "demo.none",
  "demo.consent",
  "demo.ended.time",
  "demo.ended.left",
  "demo.ended.machine",
  "demo.ended.host",
] as const satisfies readonly (keyof typeof en)[];

export type DemoTextKey = (typeof DEMO_TEXT_KEYS)[number];

export const isDemoTextKey = (key: string): key is DemoTextKey =>
  DEMO_TEXT_KEYS.some((known) => known === key);
