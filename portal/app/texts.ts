import type { Entry } from "./contacts.ts";
import type { AppTextKey } from "./text-keys.ts";

/** The texts of the page's language, which came with the page. */
const texts = JSON.parse(document.getElementById("texts")?.textContent ?? "{}") as Partial<
  Record<AppTextKey, string>
>;

/** Letters of Hebrew, Arabic and the scripts beside them. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;
const isRightToLeft = document.documentElement.dir === "rtl";

/** A text with values in their places; one of another direction keeps its own order (Unicode TR9: FSI, PDI). */
export function t(key: AppTextKey, values: Readonly<Record<string, string>> = {}): string {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return isRightToLeft || RIGHT_TO_LEFT.test(value) ? `\u2068${value}\u2069` : value;
  });
}

/** "5 minutes", "٢ ساعة": in the page's language. */
export function durationText(seconds: number): string {
  const [value, unit] =
    seconds >= 48 * 3_600
      ? [seconds / 86_400, "day"]
      : seconds >= 2 * 3_600
        ? [seconds / 3_600, "hour"]
        : [Math.max(1, seconds / 60), "minute"];
  const { lang } = document.documentElement;
  return new Intl.NumberFormat(lang, {
    style: "unit",
    unit,
    unitDisplay: "long",
    maximumFractionDigits: 0,
  }).format(value);
}

/** When something was, by this device's clock: the time of day, and the day where it was another one. */
export function timeText(atS: number): string {
  const at = new Date(atS * 1_000);
  const { lang } = document.documentElement;
  const isToday = at.toDateString() === new Date().toDateString();
  const time: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(lang, isToday ? time : { ...time, day: "numeric", month: "short" }).format(
    at,
  );
}

/** How far one's own message has come, in words. */
export function stateText({ state, etaSeconds }: Pick<Entry, "state" | "etaSeconds">): string {
  switch (state) {
    case "on-lora":
      return etaSeconds === undefined
        ? t("app.state.onLora")
        : t("app.state.onLoraFor", { time: durationText(etaSeconds) });
    case "handed-over":
      return t("app.state.handedOver");
    case undefined:
      return "";
    default:
      return t(`app.state.${state}`);
  }
}
