/** @jsxImportSource hono/jsx */
import xtermStyle from "@xterm/xterm/css/xterm.css" with { type: "text" };
import { raw } from "hono/html";
import { isDemoTextKey } from "../demo/text-keys.ts";
import { LANGUAGES } from "../locales/index.ts";
import { link, type PageContext } from "./page-context.tsx";
import { guestStyle } from "./style.ts";
import { durationText, wordsOf } from "./words.ts";

/** The other pages' style, and what they do not have. */
const demoStyle = (accent: string): string =>
  [
    guestStyle(accent),
    xtermStyle,
    "button{font:inherit}",
    // A screen's own colours, whatever the page's are; letters go from left to right on it in any language.
    ".x{direction:ltr;background:#000;padding:6px;border-radius:8px;overflow:hidden}",
    ".x .xterm-viewport{overflow-y:auto!important}",
    // Keys that a phone's keyboard lacks.
    ".y{display:flex;flex-wrap:wrap;gap:6px;direction:ltr;margin:.6em 0}",
    ".y button{flex:1 1 2.3em;padding:.55em .1em;border:2px solid;border-radius:8px;background:none;color:inherit}",
    ".y button[aria-pressed=true]{outline:3px solid}",
  ].join("");

/**
 * The page with a machine to try. The script draws the rest and takes away what is said where it does not run.
 * @param script address of the script
 */
export function demoPage(context: PageContext, script: string): string {
  const { facts, language } = context;
  const t = wordsOf(language);
  const texts = Object.entries(language.texts).filter(([key]) => isDemoTextKey(key));
  // No element can end within it.
  const json = JSON.stringify(Object.fromEntries(texts)).replace(/</g, "\\u003c");
  const time = durationText(language, 60 * (facts.demoMinutes ?? 0));
  return (
    <>
      {raw("<!doctype html>")}
      <html lang={language.code} dir={language.direction}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${t("demo.title")} · ${facts.name}`}</title>
          <style>{raw(demoStyle(facts.accent))}</style>
        </head>
        <body>
          <nav aria-label={t("nav.language")}>
            <b lang={language.code} aria-current="true">
              {language.name}
            </b>
            {LANGUAGES.filter(({ code }) => code !== language.code).map(({ code, name }) => (
              <a href={`/demo?lang=${code}`} lang={code} hreflang={code}>
                {name}
              </a>
            ))}
          </nav>
          <main id="m">
            <h1>{t("demo.title")}</h1>
            <p>{t("demo.what", { time })}</p>
            <p class="s">{t("demo.seen")}</p>
            <p id="start">{t("demo.needsScript")}</p>
            <p>
              <a href={link("/on", context)}>{t("nav.back")}</a>
            </p>
          </main>
          <script type="application/json" id="texts">
            {raw(json)}
          </script>
          <script src={script} defer></script>
        </body>
      </html>
    </>
  ).toString();
}
