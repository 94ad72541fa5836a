/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { LANGUAGES, type Language } from "../locales/index.ts";
import { PageFrame } from "./page-frame.tsx";
import { guestStyle } from "./style.ts";
import { wordsOf } from "./words.ts";

export interface LayoutProps {
  language: Language;
  /** The network's name. */
  boxName: string;
  title: string;
  accent: string;
  /** The path of this page, with a query or without, for its versions in other languages; undefined where there are none. */
  path?: string;
  /** Loads a page again by itself, without scripts. */
  refresh?: { seconds: number; url: string };
  /** The box runs with its defaults because its configuration is broken. */
  configBroken?: boolean;
  children?: Child;
}

/** The frame of every guest page. */
export function Layout(props: LayoutProps) {
  const { language, boxName, title, accent, path, refresh } = props;
  const t = wordsOf(language);
  return (
    <PageFrame
      language={language}
      title={title}
      boxName={boxName}
      style={guestStyle(accent)}
      refresh={refresh}
    >
      <a class="k" href="#m">
        {t("nav.skip")}
      </a>
      {path === undefined ? null : (
        <LanguageChooser language={language} path={path} label={t("nav.language")} />
      )}
      <main id="m">
        <h1>{title}</h1>
        {props.configBroken ? <p class="n">{t("problem.config")}</p> : null}
        {props.children}
      </main>
      {path === undefined ? null : <LanguageList language={language} path={path} label={t("nav.language")} />}
    </PageFrame>
  );
}

interface ChooserProps {
  language: Language;
  path: string;
  label: string;
}

function LanguageLink({ path, code, name }: { path: string; code: string; name: string }) {
  return (
    <a href={`${path}${path.includes("?") ? "&" : "?"}lang=${code}`} lang={code} hreflang={code}>
      {name}
    </a>
  );
}

/** One line to swipe through at the top of the page, the page's own language first: each a single tap. */
function LanguageChooser({ language, path, label }: ChooserProps) {
  const others = LANGUAGES.filter(({ code }) => code !== language.code);
  return (
    <nav aria-label={label}>
      <b lang={language.code} aria-current="true">
        {language.name}
      </b>
      {others.map(({ code, name }) => (
        <LanguageLink path={path} code={code} name={name} />
      ))}
    </nav>
  );
}

/** All of them at the end, for those who did not find theirs at the top. */
function LanguageList({ language, path, label }: ChooserProps) {
  const others = LANGUAGES.filter(({ code }) => code !== language.code);
  return (
    <footer>
      <h2>{label}</h2>
      {others.map(({ code, name }) => (
        <>
          <LanguageLink path={path} code={code} name={name} />{" "}
        </>
      ))}
    </footer>
  );
}
