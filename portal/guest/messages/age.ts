import type { Language } from "../../locales/index.ts";

const formats = new Map<string, { now: Intl.RelativeTimeFormat; past: Intl.RelativeTimeFormat }>();

/**
 * How long ago something was, in the language's own words: "now", "5 minutes ago". Ages and no dates: boxes without a clock
 * know no more.
 */
export function ageText({ code }: Language, ageS: number): string {
  const { now, past } = formatsOf(code);
  if (ageS < 60) return now.format(0, "second");
  if (ageS < 2 * 3600) return past.format(-Math.floor(ageS / 60), "minute");
  if (ageS < 48 * 3600) return past.format(-Math.floor(ageS / 3600), "hour");
  return past.format(-Math.floor(ageS / 86_400), "day");
}

function formatsOf(code: string) {
  let known = formats.get(code);
  if (!known) {
    known = {
      now: new Intl.RelativeTimeFormat(code, { numeric: "auto" }),
      past: new Intl.RelativeTimeFormat(code, { numeric: "always" }),
    };
    formats.set(code, known);
  }
  return known;
}
