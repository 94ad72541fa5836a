import type { Language, TextKey } from "../locales/index.ts";

/** The texts of one language with values in their places. */
export type Words = (key: TextKey, values?: Readonly<Record<string, string>>) => string;

export function wordsOf({ texts }: Language): Words {
  return (key, values) =>
    values === undefined
      ? texts[key]
      : texts[key].replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/** A time span in the language's own words, in its largest fitting unit: "24 hours", "١٢ دقيقة". */
export function durationText({ code }: Language, seconds: number): string {
  const [value, unit] =
    seconds >= 48 * 3600
      ? [Math.round(seconds / 86_400), "day"]
      : seconds >= 2 * 3600
        ? [Math.round(seconds / 3600), "hour"]
        : [Math.max(1, Math.round(seconds / 60)), "minute"];
  return new Intl.NumberFormat(code, { style: "unit", unit: unit as string, unitDisplay: "long" }).format(
    value as number,
  );
}
