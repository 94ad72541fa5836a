/** @jsxImportSource hono/jsx */
import type { ShownNotice } from "../../src/messages/index.ts";
import type { Language } from "../locales/index.ts";

/** What the pages say of the box, besides their own words. */
export interface BoxFacts {
  name: string;
  operator: string;
  contact: string;
  welcome: string;
  notices: readonly string[];
  /** "#rrggbb" */
  accent: string;
  services: readonly { name: string; description: string; url: string }[];
  /** Of other boxes, as far as they are in reach now. */
  farServices?: readonly { name: string; box: string; url: string }[];
  /** For guests to type in and to scan. */
  portalUrl: string;
  /** Guests may use the internet, and there is one now. */
  internet: boolean;
  /** A guest's phone is told that it is online. */
  toldOnline: boolean;
  guestToGuest: boolean;
  /** Guests can check in, ask for help and write to each other here. */
  messages?: boolean;
  /** For so long the box lends a guest a machine to try in the browser; absent where it lends none. */
  demoMinutes?: number;
  configBroken: boolean;
  /** The box does not know what time it is, and asks the phones. */
  asksTime?: boolean;
}

/** What every page is made from. */
export interface PageContext {
  facts: BoxFacts;
  language: Language;
  /** The operators' notices, the newest first. */
  notices?: readonly ShownNotice[];
}

/** What the frame of every page is given. */
export const frame = ({ facts, language }: PageContext, title: string) => ({
  language,
  title,
  boxName: facts.name,
  accent: facts.accent,
  configBroken: facts.configBroken,
});

/** A way to a page of ours, in the same language. */
export function link(
  path: string,
  { language }: PageContext,
  query: Readonly<Record<string, string>> = {},
): string {
  return `${path}?${new URLSearchParams({ lang: language.code, ...query })}`;
}

/** @param token proves that a form came from a page of ours, and may say which form it is */
export function Hidden({ token, language }: { token: string; language: Language }) {
  return (
    <>
      <input type="hidden" name="token" value={token} />
      <input type="hidden" name="lang" value={language.code} />
    </>
  );
}
