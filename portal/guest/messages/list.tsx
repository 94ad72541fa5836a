/** @jsxImportSource hono/jsx */
import type { Shown } from "../../../src/messages/index.ts";
import { link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { ageText } from "./age.ts";

/** How long ago and on which box it was written, and whose key signed it. */
export function Origin({ context, shown }: { context: PageContext; shown: Shown }) {
  const { language } = context;
  const t = wordsOf(language);
  return (
    <>
      {ageText(language, shown.ageS)}
      {shown.box === undefined ? null : ` · ${t("list.box", { box: shown.box })}`}
      {shown.person === undefined ? null : ` · ${t("list.key", { words: shown.person })}`}
    </>
  );
}

/**
 * That a network vouches for whoever wrote it; nothing where none does. It stands first, on a line of its own: all that a guest has
 * written comes after it, so that no name and no text can look or sound like it.
 */
export function Vouched({
  context: { language },
  shown: { vouchedBy },
}: {
  context: PageContext;
  shown: Shown;
}) {
  if (vouchedBy === undefined) return null;
  const [before, after] = language.texts["list.vouchedBy"].split("{network}");
  return (
    <p class="v">
      ✓ {before}
      <bdi>{vouchedBy}</bdi>
      {after}
    </p>
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
