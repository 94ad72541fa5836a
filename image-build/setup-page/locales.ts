import { LANGUAGES } from "../../portal/locales/index.ts";
import ar from "../../portal/setup/locales/ar.json" with { type: "json" };
import en from "../../portal/setup/locales/en.json" with { type: "json" };
import es from "../../portal/setup/locales/es.json" with { type: "json" };
import fr from "../../portal/setup/locales/fr.json" with { type: "json" };
import pt from "../../portal/setup/locales/pt.json" with { type: "json" };
import uk from "../../portal/setup/locales/uk.json" with { type: "json" };

/** Every text of the page by its key; English is the measure of completeness. */
export type SetupTexts = Readonly<Record<keyof typeof en, string>>;

const TEXTS: Record<string, SetupTexts> = { en, ar, es, fr, pt, uk };

/** The portal's languages whose words for this page there are, in the portal's order. */
export const SETUP_LANGUAGES = LANGUAGES.flatMap(({ code, name, direction }) => {
  const texts = TEXTS[code];
  return texts === undefined ? [] : [{ code, name, direction, texts }];
});
