/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { LANGUAGES } from "../locales/index.ts";
import type { PageContext } from "./page-context.tsx";
import { PageFrame } from "./page-frame.tsx";

export interface ScriptPageProps {
  context: PageContext;
  title: string;
  /** The path of this page, for its versions in other languages. */
  path: string;
  style: string;
  /** Of the language's texts, those that the script says. */
  isScriptKey: (key: string) => boolean;
  /** Address of the script. */
  script: string;
  children?: Child;
}

/** The frame of a page that a script draws: with the texts of its language, and no more than its words where no script runs. */
export function ScriptPage({ context, title, path, style, isScriptKey, script, children }: ScriptPageProps) {
  const { facts, language } = context;
  const texts = Object.entries(language.texts).filter(([key]) => isScriptKey(key));
  // No element can end within it.
  const json = JSON.stringify(Object.fromEntries(texts)).replace(/</g, "\\u003c");
  return (
    <PageFrame language={language} title={title} boxName={facts.name} style={style}>
      <nav aria-label={language.texts["nav.language"]}>
        <b lang={language.code} aria-current="true">
          {language.name}
        </b>
        {LANGUAGES.filter(({ code }) => code !== language.code).map(({ code, name }) => (
          <a href={`${path}?lang=${code}`} lang={code} hreflang={code}>
            {name}
          </a>
        ))}
      </nav>
      <main id="m">
        <h1>{title}</h1>
        {children}
      </main>
      <script type="application/json" id="texts">
        {raw(json)}
      </script>
      <script src={script} defer></script>
    </PageFrame>
  );
}
