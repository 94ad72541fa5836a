import type { Language, TextKey } from "../locales/index.ts";

/** The texts of one language with values in their places. */
export type Words = (key: TextKey, values?: Readonly<Record<string, string>>) => string;

export function wordsOf({ texts, direction }: Language): Words {
  const placed = (value: string) =>
    direction === "rtl" || RIGHT_TO_LEFT.test(value) ? isolated(value) : value;
  return (key, values) =>
    values === undefined
      ? texts[key]
      : texts[key].replace(/\{(\w+)\}/g, (place, name) => {
          const value = values[name];
          return value === undefined ? place : placed(value);
        });
}

/** Letters of Hebrew, Arabic and the scripts beside them. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/** A value of another direction than the text around it keeps its own order (Unicode TR9: FSI, PDI). */
const isolated = (value: string) => `\u2068${value}\u2069`;

/** A time span in the language's own words, in its largest fitting unit: "24 hours", "١٢ دقيقة". */
export function durationText({ code }: Language, seconds: number): string {
  const [value, unit] =
    seconds >= 48 * 3600
      ? [Math.round(seconds / 86_400), "day"]
      : seconds >= 2 * 3600
        ? [Math.round(seconds / 3600), "hour"]
        : [Math.max(1, Math.round(seconds / 60)), "minute"];
  return new Intl.NumberFormat(code, { style: "unit", unit: unit as string, unitDisplay: "long" })
    .format(value as number)
    .replace(/ /g, "\u00a0");
}
