import ar from "./ar.json" with { type: "json" };
import bn from "./bn.json" with { type: "json" };
import en from "./en.json" with { type: "json" };
import es from "./es.json" with { type: "json" };
import fa from "./fa.json" with { type: "json" };
import fr from "./fr.json" with { type: "json" };
import hi from "./hi.json" with { type: "json" };
import id from "./id.json" with { type: "json" };
import pt from "./pt.json" with { type: "json" };
import ru from "./ru.json" with { type: "json" };
import sw from "./sw.json" with { type: "json" };
import tr from "./tr.json" with { type: "json" };
import uk from "./uk.json" with { type: "json" };
import ur from "./ur.json" with { type: "json" };
import vi from "./vi.json" with { type: "json" };
import zh from "./zh.json" with { type: "json" };

/** Every text of the portal by its key; English is the measure of completeness. */
export type Texts = Readonly<Record<keyof typeof en, string>>;
export type TextKey = keyof typeof en;

export interface Language {
  /** BCP 47. */
  code: string;
  /** What the language calls itself. */
  name: string;
  direction: "ltr" | "rtl";
  texts: Texts;
}

const language = (code: string, name: string, texts: Texts, direction: "ltr" | "rtl" = "ltr"): Language => ({
  code,
  name,
  direction,
  texts,
});

export const ENGLISH = language("en", "English", en);

/** In the order in which they are offered: a script of each kind first, so that everybody sees at once that there is a choice. */
export const LANGUAGES: readonly Language[] = [
  ENGLISH,
  language("ar", "العربية", ar, "rtl"),
  language("zh", "中文", zh),
  language("hi", "हिन्दी", hi),
  language("es", "Español", es),
  language("bn", "বাংলা", bn),
  language("uk", "Українська", uk),
  language("fr", "Français", fr),
  language("fa", "فارسی", fa, "rtl"),
  language("pt", "Português", pt),
  language("ur", "اردو", ur, "rtl"),
  language("id", "Bahasa Indonesia", id),
  language("sw", "Kiswahili", sw),
  language("ru", "Русский", ru),
  language("tr", "Türkçe", tr),
  language("vi", "Tiếng Việt", vi),
];

const byCode = new Map(LANGUAGES.map((entry) => [entry.code, entry]));
/** Codes that old phones still send for a language under another code today (ISO 639 changes of 1989). */
const FORMER_CODES: Readonly<Record<string, string>> = { in: "id" };
const MAX_RANGES = 20;

/** A language by its BCP 47 code or any of its regions; undefined where there is none. */
export function languageOf(code: string): Language | undefined {
  const primary = code.toLowerCase().split("-")[0] ?? "";
  return byCode.get(FORMER_CODES[primary] ?? primary);
}

/** The language that a browser prefers among ours (RFC 9110 section 12.5.4); English where it names none of them. */
export function negotiateLanguage(acceptLanguage: string | undefined): Language {
  let best: { language: Language; quality: number } | undefined;
  for (const range of (acceptLanguage ?? "").slice(0, 500).split(",").slice(0, MAX_RANGES)) {
    const [tag = "", ...parameters] = range.trim().split(";");
    const weight = parameters
      .map((parameter) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/i.exec(parameter)?.[1])
      .find(Boolean);
    const quality = weight === undefined ? 1 : Number(weight);
    const found = languageOf(tag.trim());
    if (found && quality > 0 && quality > (best?.quality ?? 0)) best = { language: found, quality };
  }
  return best?.language ?? ENGLISH;
}
