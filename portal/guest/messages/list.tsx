/** @jsxImportSource hono/jsx */
import type { Shown } from "../../../src/messages/index.ts";
import { link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { ageText } from "./age.ts";

/** How long ago and on which box it was written, and whose key signed it, and who vouches for them. */
export function Origin({ context, shown }: { context: PageContext; shown: Shown }) {
  const { language } = context;
  const t = wordsOf(language);
  return (
    <>
      {ageText(language, shown.ageS)}
      {shown.box === undefined ? null : ` · ${t("list.box", { box: shown.box })}`}
      {shown.person === undefined ? null : ` · ${t("list.key", { words: shown.person })}`}
      {shown.vouchedBy === undefined ? null : ` · ✓ ${t("list.vouchedBy", { network: shown.vouchedBy })}`}
    </>
  );
}

interface PagerProps {
  context: PageContext;
  path: string;
  query: Readonly<Record<string, string>>;
  /** The page is not the first. */
  further: boolean;
  /** For the page after this one; undefined at the end. */
  next: string | undefined;
}

/** The ways to what is older, and back to what is newest. */
export function Pager({ context, path, query, further, next }: PagerProps) {
  const t = wordsOf(context.language);
  return (
    <p class="g">
      {next === undefined ? null : (
        <a href={link(path, context, { ...query, before: next })} rel="next">
          {t("list.older")}
        </a>
      )}
      {further ? <a href={link(path, context, query)}>{t("list.newest")}</a> : null}
    </p>
  );
}
