// Runs as it is in browsers of before 2015, which know neither arrows nor let, nor templates.
// biome-ignore-all lint/suspicious/noVar: see above.
// biome-ignore-all lint/complexity/useArrowFunction: see above.
// biome-ignore-all lint/style/useTemplate: see above.
import { faultsOf, type SetupField, type SetupValues, tomlOf } from "./toml-text.ts";

/** What the page brings with it, in its element of that id. */
interface PageData {
  fields: SetupField[];
  languages: { code: string; direction: string; texts: Record<string, string> }[];
}

var FILE = "omerta.toml";
var data = JSON.parse((document.getElementById("data") as HTMLElement).textContent || "") as PageData;
var form = document.getElementById("form") as HTMLFormElement;
var select = document.getElementById("language") as HTMLSelectElement;
var output = document.getElementById("text") as HTMLTextAreaElement;
var done = document.getElementById("done") as HTMLElement;
var language = data.languages[0] as PageData["languages"][0];

function inputOf(key: string): HTMLInputElement {
  return document.getElementById(key) as HTMLInputElement;
}

function values(): SetupValues {
  var found: SetupValues = {};
  data.fields.forEach(function (field) {
    var input = inputOf(field.key);
    // A link is copied with what stands around it.
    found[field.key] =
      input.type === "checkbox"
        ? input.checked
        : field.key === "mesh.invites[]"
          ? input.value.trim()
          : input.value;
  });
  return found;
}

function speak(code: string): void {
  data.languages.forEach(function (one) {
    if (one.code === code) language = one;
  });
  document.documentElement.lang = language.code;
  document.documentElement.dir = language.direction;
  select.value = language.code;
  Array.prototype.forEach.call(document.querySelectorAll("[data-text]"), function (element: HTMLElement) {
    element.textContent = language.texts[element.getAttribute("data-text") as string] || "";
  });
  document.title = language.texts.title || "";
  show();
}

/** Shows what is wrong beside each field, and the text as it is now. @returns whether nothing is wrong */
function show(): boolean {
  var now = values();
  var faults = faultsOf(data.fields, now);
  var isGood = true;
  data.fields.forEach(function (field) {
    var fault = faults[field.key];
    var said = document.getElementById("fault-" + field.key);
    if (said) said.textContent = fault ? language.texts[fault] || "" : "";
    var input = inputOf(field.key);
    if (fault) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    if (fault) isGood = false;
  });
  output.value = isGood ? tomlOf(data.fields, now) : "";
  return isGood;
}

function save(text: string): void {
  var legacy = (navigator as { msSaveBlob?: (blob: Blob, name: string) => void }).msSaveBlob;
  var blob = new Blob([text], { type: "application/toml" });
  if (legacy) {
    legacy.call(navigator, blob, FILE);
    return;
  }
  var link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = FILE;
  document.body.appendChild(link);
  link.click();
  document.body.removeChild(link);
}

form.addEventListener("input", show);
form.addEventListener("change", show);
form.addEventListener("submit", function (event) {
  event.preventDefault();
  if (!show()) {
    (form.querySelector("[aria-invalid]") as HTMLElement).focus();
    return;
  }
  save(tomlOf(data.fields, values()));
  done.hidden = false;
  done.focus();
});
select.addEventListener("change", function () {
  speak(select.value);
});
(document.getElementById("copy") as HTMLElement).addEventListener("click", function () {
  output.focus();
  output.select();
  try {
    document.execCommand("copy");
  } catch {
    // It is selected: the keyboard copies it.
  }
});

/** The first of the browser's languages that the page knows. */
function wantedLanguage(): string {
  var all =
    navigator.languages && navigator.languages.length > 0 ? navigator.languages : [navigator.language];
  return (
    all
      .map(function (tag) {
        return String(tag).slice(0, 2).toLowerCase();
      })
      .filter(isKnown)[0] || "en"
  );
}

function isKnown(code: string): boolean {
  return data.languages.some(function (one) {
    return one.code === code;
  });
}

speak(wantedLanguage());
