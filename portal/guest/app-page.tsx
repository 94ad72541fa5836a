/** @jsxImportSource hono/jsx */
import { isAppTextKey } from "../app/text-keys.ts";
import type { PageContext } from "./pages.tsx";
import { ScriptPage } from "./script-page.tsx";
import { guestStyle } from "./style.ts";
import { wordsOf } from "./words.ts";

/** The style of the page: the other pages', and what they do not have. */
export function appStyle(accent: string): string {
  return [
    guestStyle(accent),
    "textarea{min-height:4.5em;resize:vertical}",
    "label input,label textarea{margin-top:.3em;font-weight:400}",
    "button{font:inherit}",
    "button:disabled{opacity:.5}",
    // A button that looks like a link.
    ".xl{background:none;border:0;padding:.5em 0;color:inherit;text-decoration:underline;cursor:pointer}",
    // A row of buttons.
    ".xw{display:flex;gap:.6em;flex-wrap:wrap;align-items:center}",
    ".xw>*{flex:1 1 8em}",
    // A person in a list, and the sign of a key.
    ".xp{display:flex;gap:.7em;align-items:center;width:100%;margin:.5em 0;padding:.6em;border:2px solid #8888;border-radius:10px;background:none;color:inherit;text-align:start;cursor:pointer}",
    ".xp svg{flex:none;width:52px;height:52px;border-radius:6px}",
    ".xp span{min-width:0;flex:1}",
    "small.v{display:block}",
    ".xp b,.xp small{display:block;overflow:hidden;text-overflow:ellipsis}",
    ".xh{display:flex;gap:.7em;align-items:center}",
    ".xh svg{flex:none;width:96px;height:96px;border-radius:6px}",
    // A message, one's own, and what it answers.
    ".xm{max-width:85%;margin:.5em 0;padding:.55em .8em;border:2px solid #8888;border-radius:12px;white-space:pre-line}",
    ".xm.xo{margin-inline-start:auto;border-width:2px 2px 2px 5px}",
    ".xm img{display:block;max-width:100%;border-radius:8px}",
    ".xm small{display:block;opacity:.8}",
    ".xr{font-size:.85em;border-inline-start:3px solid #8888;padding-inline-start:.5em;margin-bottom:.3em}",
    // The recovery words.
    ".xg{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5em,1fr));gap:.4em;padding:0;list-style:none;counter-reset:w}",
    ".xg li{counter-increment:w;margin:0;border:2px solid #8888;border-radius:8px;padding:.4em .6em;font-weight:600}",
    '.xg li:before{content:counter(w) ". ";font-weight:400}',
    // A field that is opened by a button beside it.
    ".xf{position:fixed;opacity:0;width:1px;height:1px}",
  ].join("");
}

/**
 * The page for those who have JavaScript and a key of their own. The script draws the rest and takes away what is said where it does not
 * run.
 * @param script address of the script
 */
export function appPage(context: PageContext, script: string): string {
  const { facts, language } = context;
  const t = wordsOf(language);
  return (
    <ScriptPage
      {...{ context, script, title: t("app.title"), path: "/app", style: appStyle(facts.accent) }}
      isScriptKey={isAppTextKey}
    >
      <p id="start">{t("app.needsScript")}</p>
      <p>
        <a href={`/?lang=${language.code}`}>{t("nav.portal")}</a>
      </p>
    </ScriptPage>
  ).toString();
}
