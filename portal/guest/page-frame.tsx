/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { Language } from "../locales/index.ts";

export interface PageFrameProps {
  language: Language;
  title: string;
  /** The network's name. */
  boxName: string;
  style: string;
  /** Loads a page again by itself, without scripts. */
  refresh?: { seconds: number; url: string } | undefined;
  /** The body. */
  children?: Child;
}

/** What is around the body of every page for guests, with all that it looks like: no page loads a style. */
export function PageFrame({ language, title, boxName, style, refresh, children }: PageFrameProps) {
  return (
    <>
      {raw("<!doctype html>")}
      <html lang={language.code} dir={language.direction}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          {refresh ? <meta http-equiv="refresh" content={`${refresh.seconds};url=${refresh.url}`} /> : null}
          <title>{`${title} · ${boxName}`}</title>
          <style>{raw(style)}</style>
        </head>
        <body>{children}</body>
      </html>
    </>
  );
}
