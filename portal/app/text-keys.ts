import type en from "../locales/en.json";

/** Texts of the other pages that this page says too. */
export const SHARED_KEYS = [
  "checkIn.name",
  "list.older",
  "list.vouchedBy",
  "nav.back",
  "people.name",
  "people.none",
  "people.search",
  "report.done",
  "report.reason",
  "square.nameless",
  "square.reason",
  "square.reply",
  "square.report",
  "work.doing",
] as const;

export type AppTextKey = Extract<keyof typeof en, `app.${string}`> | (typeof SHARED_KEYS)[number];

export const isAppTextKey = (key: string): key is AppTextKey =>
  key.startsWith("app.") || SHARED_KEYS.some((shared) => shared === key);
