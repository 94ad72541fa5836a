/** @jsxImportSource hono/jsx */
import xtermStyle from "@xterm/xterm/css/xterm.css" with { type: "text" };
import { isDemoTextKey } from "../demo/text-keys.ts";
import { link, type PageContext } from "./page-context.tsx";
import { ScriptPage } from "./script-page.tsx";
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
  const time = durationText(language, 60 * (facts.demoMinutes ?? 0));
  return (
    <ScriptPage
      {...{ context, script, title: t("demo.title"), path: "/demo", style: demoStyle(facts.accent) }}
      isScriptKey={isDemoTextKey}
    >
      <p>{t("demo.what", { time })}</p>
      <p class="s">{t("demo.seen")}</p>
      <p id="start">{t("demo.needsScript")}</p>
      <p>
        <a href={link("/on", context)}>{t("nav.back")}</a>
      </p>
    </ScriptPage>
  ).toString();
}
