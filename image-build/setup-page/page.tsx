/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { countries } from "./countries.ts";
import { type SetupKey, setupFields } from "./fields.ts";
import { SETUP_LANGUAGES, type SetupTexts } from "./locales.ts";

const STYLE = [
  "*{box-sizing:border-box}",
  "body{margin:0 auto;max-width:38em;padding:16px;background:#fff;color:#16191c;font:18px/1.45 system-ui,sans-serif}",
  "h1{font-size:1.5em;margin:.3em 0}p{margin:.4em 0}",
  "label,legend{display:block;font-weight:600}legend{padding:0}",
  "fieldset,.f{border:0;margin:0 0 1.4em;padding:0}",
  ".h{color:#4b555c;font-size:.9em;margin:.1em 0 .3em}",
  ".e{color:#a01212;font-weight:600;margin:.2em 0}.e:empty{display:none}",
  "input[type=text],select,textarea{width:100%;font:inherit;padding:.5em;border:1px solid #6b757c;border-radius:6px;background:#fff;color:inherit}",
  "[aria-invalid]{border-color:#a01212!important;border-width:2px!important}",
  ".c{font-weight:400}.c input{width:1.3em;height:1.3em;vertical-align:-.2em}",
  "fieldset .f{margin:.6em 0}",
  "button{font:inherit;font-weight:600;padding:.7em 1.4em;border:0;border-radius:8px;background:#0b6b57;color:#fff;cursor:pointer}",
  "button.s{background:none;color:#0b6b57;border:1px solid;padding:.4em 1em}",
  "#done{border:2px solid #0b6b57;border-radius:8px;padding:.6em 1em;margin:1em 0}",
  "textarea{font-family:ui-monospace,monospace;font-size:.85em;height:11em;direction:ltr}",
  "#language{width:auto}",
  "form{margin:1.4em 0 2em}",
].join("");

type Key = keyof SetupTexts;

/**
 * The page on the card by which somebody without a Linux makes an omerta.toml: one file that asks for nothing, made from the
 * configuration's schema. The same schema gives the same bytes.
 * @param script the page's own, as a browser runs it
 */
export function setupPage(script: string): string {
  const fields = setupFields();
  const data = {
    fields: fields.map(({ choices: _, ...field }) => field),
    languages: SETUP_LANGUAGES.map(({ code, direction, texts }) => ({ code, direction, texts })),
  };
  const [english] = SETUP_LANGUAGES;
  if (english === undefined) throw new Error("the page has no language");
  const text = (key: Key) => <span data-text={key}>{english.texts[key]}</span>;
  const choicesOf = (key: SetupKey) => fields.find((field) => field.key === key)?.choices ?? [];
  const maxLengthOf = (key: SetupKey) => {
    const maxLength = fields.find((field) => field.key === key)?.maxLength ?? 0;
    return maxLength > 0 ? { maxlength: maxLength } : {};
  };
  const field = (key: SetupKey, label: Key, help: Key | undefined, input: Child) => (
    <div class="f">
      <label for={key}>{text(label)}</label>
      {help === undefined ? null : (
        <p class="h" id={`help-${key}`}>
          {text(help)}
        </p>
      )}
      {input}
      <p class="e" id={`fault-${key}`} role="alert" />
    </div>
  );
  const described = (key: SetupKey, help: Key | undefined) =>
    help === undefined ? `fault-${key}` : `help-${key} fault-${key}`;
  const line = (key: SetupKey, label: Key, help?: Key, direction = "auto") =>
    field(
      key,
      label,
      help,
      <input
        type="text"
        id={key}
        dir={direction}
        autocomplete="off"
        spellcheck={direction === "auto"}
        aria-describedby={described(key, help)}
        {...maxLengthOf(key)}
      />,
    );
  return (
    <>
      {raw("<!doctype html>\n")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <title>{english.texts.title}</title>
          <style>{raw(STYLE)}</style>
        </head>
        <body>
          <main>
            <p>
              <label for="language">{text("language")}</label>
              <select id="language">
                {SETUP_LANGUAGES.map(({ code, name }) => (
                  <option value={code} lang={code}>
                    {name}
                  </option>
                ))}
              </select>
            </p>
            <h1>{text("title")}</h1>
            <p>{text("intro")}</p>
            <form id="form" novalidate>
              {line("box.name", "name", "nameHelp")}
              {line("box.operator", "operator", "operatorHelp")}
              {line("box.contact", "contact", "contactHelp")}
              {field(
                "wifi.country",
                "country",
                "countryHelp",
                <select id="wifi.country" aria-describedby={described("wifi.country", "countryHelp")}>
                  <option value="" data-text="countryNone">
                    {english.texts.countryNone}
                  </option>
                  {countries().map(({ code, name }) => (
                    <option value={code} lang="en">
                      {`${name} (${code})`}
                    </option>
                  ))}
                </select>,
              )}
              {field(
                "portal.welcome",
                "welcome",
                "welcomeHelp",
                <input
                  type="text"
                  id="portal.welcome"
                  dir="auto"
                  autocomplete="off"
                  aria-describedby={described("portal.welcome", "welcomeHelp")}
                  {...maxLengthOf("portal.welcome")}
                />,
              )}
              <fieldset>
                <legend>{text("uplink")}</legend>
                <p class="h">{text("uplinkHelp")}</p>
                {line("wifi.uplinks[].ssid", "uplinkSsid")}
                {line("wifi.uplinks[].password", "uplinkPassword", undefined, "ltr")}
              </fieldset>
              <div class="f">
                <label class="c" for="gateway.uplink.allow">
                  <input
                    type="checkbox"
                    id="gateway.uplink.allow"
                    aria-describedby={described("gateway.uplink.allow", "internetHelp")}
                  />{" "}
                  {text("internet")}
                </label>
                <p class="h" id="help-gateway.uplink.allow">
                  {text("internetHelp")}
                </p>
                <p class="e" id="fault-gateway.uplink.allow" role="alert" />
              </div>
              {field(
                "lora.region",
                "lora",
                "loraHelp",
                <select id="lora.region" aria-describedby={described("lora.region", "loraHelp")}>
                  {choicesOf("lora.region").map((choice) =>
                    choice === "" ? (
                      <option value="" data-text="loraNone">
                        {english.texts.loraNone}
                      </option>
                    ) : (
                      <option value={choice}>{choice}</option>
                    ),
                  )}
                </select>,
              )}
              {line("mesh.invites[]", "invite", "inviteHelp", "ltr")}
              <button type="submit">{text("save")}</button>
              <p id="done" role="status" tabindex={-1} hidden>
                {text("next")}
              </p>
            </form>
            <p class="f">
              <label for="text">{text("text")}</label>
              <textarea id="text" readonly spellcheck={false} />
              <button type="button" class="s" id="copy">
                {text("copy")}
              </button>
            </p>
          </main>
          <script id="data" type="application/json">
            {raw(JSON.stringify(data).replaceAll("<", "\\u003c"))}
          </script>
          <script>{raw(script)}</script>
        </body>
      </html>
    </>
  ).toString();
}
