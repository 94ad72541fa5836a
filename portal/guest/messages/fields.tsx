/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Language, TextKey } from "../../locales/index.ts";
import { Hidden, type PageContext } from "../page-context.tsx";
import { type Words, wordsOf } from "../words.ts";
import type { Draft, Fault } from "./draft.ts";

/** Where the script is that does the work of a form, see `portal/app/form-work.ts`. */
export const WORK_SCRIPT = "/work.js";

interface FormProps {
  context: PageContext;
  /** Where it is sent. */
  action: string;
  /** Proves where the form comes from, and tells it from others. */
  token: string;
  draft: Draft;
  /** The words on the button. */
  send: TextKey;
  /** Red: for what is urgent. */
  urgent?: boolean;
  children?: Child;
}

/** A form that is sent by one button, with what was wrong with it above. */
export function Form({ context, action, token, draft, send, urgent, children }: FormProps) {
  const { language } = context;
  const t = wordsOf(language);
  const { faults, problem, work } = draft;
  return (
    <>
      {problem === undefined && faults.length === 0 ? null : (
        <div class="n e" role="alert">
          <h2>{t("error.heading")}</h2>
          {problem === undefined ? null : <p id="work-wait">{t(problem)}</p>}
          {work === undefined ? null : <WorkNotes t={t} />}
          {faults.length === 0 ? null : (
            <ul>
              {faults.map((fault) => (
                <li>
                  <a href={`#${fault.field}`}>{t(fault.label)}</a>: {faultText(language, fault)}
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
      <form method="post" action={action}>
        <Hidden token={token} language={language} />
        {work === undefined ? null : (
          <input type="hidden" name="work" id="work" data-challenge={work} value="" />
        )}
        {children}
        <button class={urgent ? "b r" : "b"} type="submit">
          {t(send)}
        </button>
      </form>
      {work === undefined ? null : <script src={WORK_SCRIPT}></script>}
    </>
  );
}

/** What the script shows in the place of the word to wait. */
function WorkNotes({ t }: { t: Words }) {
  return (
    <>
      <p id="work-doing" role="status" hidden>
        {t("work.doing")} <progress id="work-share" max={1} value={0} aria-labelledby="work-doing" />
      </p>
      <p id="work-done" role="status" hidden>
        {t("work.done")}
      </p>
    </>
  );
}

interface FieldProps {
  language: Language;
  draft: Draft;
  name: string;
  label: TextKey;
  /** Characters that fit in. */
  most: number;
  /** Nothing is sent without it. */
  needed?: boolean;
  /** Several lines. */
  rows?: number;
  /** What keyboard a telephone shows. */
  keyboard?: "numeric" | "email";
  /** Figures and addresses run from left to right in every language. */
  direction?: "ltr" | "auto";
  placeholder?: string;
  /** Said beside the field. */
  hint?: TextKey;
}

/** A field with its name above it and what is wrong with it, if anything is. */
export function Field(props: FieldProps) {
  const { language, draft, name, label, most, needed, rows, keyboard, direction, placeholder, hint } = props;
  const t = wordsOf(language);
  const fault = draft.faults.find(({ field }) => field === name);
  const value = draft.values[name] ?? "";
  const says = [...(fault ? [`${name}-e`] : []), ...(hint ? [`${name}-h`] : [])].join(" ");
  const attributes = {
    id: name,
    name,
    maxlength: most,
    dir: direction ?? "auto",
    ...(needed ? { required: true } : {}),
    ...(fault ? { "aria-invalid": "true" as const } : {}),
    ...(says === "" ? {} : { "aria-describedby": says }),
  };
  return (
    <>
      <label for={name}>
        {t(label)}
        {needed ? null : <i> ({t("form.optional")})</i>}
      </label>
      {fault ? (
        <p class="e" id={`${name}-e`}>
          {faultText(language, fault)}
        </p>
      ) : null}
      {rows === undefined ? (
        <input
          {...attributes}
          type="text"
          value={value}
          autocomplete="off"
          {...(keyboard ? { inputmode: keyboard } : {})}
          {...(placeholder ? { placeholder } : {})}
        />
      ) : (
        <textarea {...attributes} rows={rows}>
          {/* The first line feed of a text area is none of its text (HTML, 13.1.2.5). */}
          {`\n${value}`}
        </textarea>
      )}
      {hint ? (
        <p class="s" id={`${name}-h`}>
          {t(hint)}
        </p>
      ) : null}
    </>
  );
}

/** One of several, all seen at once. The first is chosen where nothing was. */
export function Choice(props: {
  language: Language;
  draft: Draft;
  name: string;
  label: TextKey;
  options: readonly (readonly [value: string, label: TextKey])[];
}) {
  const { language, draft, name, label, options } = props;
  const t = wordsOf(language);
  const known = options.some(([value]) => value === draft.values[name]);
  const chosen = known ? draft.values[name] : options[0]?.[0];
  return (
    <fieldset>
      <legend>{t(label)}</legend>
      {options.map(([value, text]) => (
        <label class="l">
          <input type="radio" name={name} value={value} checked={value === chosen} /> {t(text)}
        </label>
      ))}
    </fieldset>
  );
}

function faultText(language: Language, { key, numbers }: Fault): string {
  const shown = Object.entries(numbers ?? {}).map(([name, number]) => [
    name,
    new Intl.NumberFormat(language.code).format(number),
  ]);
  return wordsOf(language)(key, Object.fromEntries(shown));
}
