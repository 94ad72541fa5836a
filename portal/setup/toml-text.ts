// Runs as it is in browsers of before 2015, which know neither arrows nor let, nor templates.
// biome-ignore-all lint/suspicious/noVar: see above.
// biome-ignore-all lint/complexity/useArrowFunction: see above.
// biome-ignore-all lint/style/useTemplate: see above.

/** What the page's form says, by the names of the configuration's keys; empty: nothing. */
export interface SetupValues {
  [key: string]: string | boolean;
}

/** A key of the configuration as the page knows it, made from the configuration's schema. */
export interface SetupField {
  /** Such as `box.name`; in a list of tables `wifi.uplinks[].ssid`, in a list of texts `mesh.invites[]`. */
  key: string;
  /** A boolean's, or a text's that need not be written. */
  initial: string | boolean;
  /** UTF-16 units; 0: no limit. */
  maxLength: number;
  /** Bytes of UTF-8; 0: no limit. */
  maxBytes: number;
  /** What it must look like; "": anything. */
  pattern: string;
}

/** What is wrong with a field: the key of a text. */
export type SetupFault = "tooLong" | "wrong" | "password";

/** Of Windows: whoever opens the file there sees its lines. Named so, because Bun writes the usual form as a template. */
var LINE_END = String.fromCharCode(13, 10);

/** @returns by the key of the field, what is wrong with it */
export function faultsOf(fields: SetupField[], values: SetupValues): Record<string, SetupFault> {
  var faults: Record<string, SetupFault> = {};
  fields.forEach(function (field) {
    var value = cleaned(values[field.key]);
    if (typeof value !== "string" || value === "") return;
    if (field.maxLength > 0 && value.length > field.maxLength) faults[field.key] = "tooLong";
    else if (field.maxBytes > 0 && utf8Bytes(value) > field.maxBytes) faults[field.key] = "tooLong";
    else if (field.pattern !== "" && !new RegExp(field.pattern).test(value))
      faults[field.key] = field.key === "wifi.uplinks[].password" ? "password" : "wrong";
  });
  // A password of no network.
  if (cleaned(values["wifi.uplinks[].password"]) && !cleaned(values["wifi.uplinks[].ssid"]))
    faults["wifi.uplinks[].ssid"] = "wrong";
  return faults;
}

/** The text of omerta.toml (https://toml.io/en/v1.0.0): what is empty or as it is anyway is left out. */
export function tomlOf(fields: SetupField[], values: SetupValues): string {
  var tables: Record<string, string[]> = {};
  var order: string[] = [];
  fields.forEach(function (field) {
    var value = cleaned(values[field.key]);
    if (value === undefined || value === "" || value === field.initial) return;
    var parts = field.key.split(".");
    var name = parts.pop() as string;
    var table = parts.join(".");
    var isList = name.slice(-2) === "[]";
    if (!tables[table]) {
      tables[table] = [];
      order.push(table);
    }
    var text = typeof value === "boolean" ? String(value) : tomlString(value);
    (tables[table] as string[]).push(
      (isList ? name.slice(0, -2) : name) + " = " + (isList ? "[" + text + "]" : text),
    );
  });
  // A table of a list begins another one: keys of the table around it would go to it.
  order.sort(function (a, b) {
    return Number(a.slice(-2) === "[]") - Number(b.slice(-2) === "[]");
  });
  return order
    .map(function (table) {
      var head = table.slice(-2) === "[]" ? "[[" + table.slice(0, -2) + "]]" : "[" + table + "]";
      return head + LINE_END + (tables[table] as string[]).join(LINE_END) + LINE_END;
    })
    .join(LINE_END);
}

/** Half a letter that two code units make (a lone surrogate) is no text, and is left out. */
function cleaned(value: string | boolean | undefined): string | boolean | undefined {
  if (typeof value !== "string") return value;
  return value.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, function (found) {
    return found.length === 2 ? found : "";
  });
}

/** A basic string: as in JSON, but for the last sign of ASCII. */
function tomlString(text: string): string {
  return JSON.stringify(text).replace(/\u007F/g, "\\u007f");
}

function utf8Bytes(text: string): number {
  return unescape(encodeURIComponent(text)).length;
}
