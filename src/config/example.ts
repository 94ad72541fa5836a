import { stringify } from "smol-toml";
import { allowed, type JsonSchema } from "./allowed.ts";
import { configJsonSchema } from "./json-schema.ts";

const WIDTH = 100;

/** A commented `omerta.toml` with every key at its default, made from the schema. Parsing it gives the defaults. */
export function exampleConfig(): string {
  const schema = configJsonSchema();
  const lines = [
    "# omerta.toml: the one file that configures an Omerta Box.",
    "# Every key is optional; what stands here is the default. Made by `omerta-box config example`.",
  ];
  for (const [name, node] of Object.entries(schema.properties ?? {})) lines.push("", ...table([name], node));
  return `${lines.join("\n")}\n`;
}

function table(path: readonly string[], node: JsonSchema): string[] {
  const lines = [...comment(node.description ?? ""), `[${path.join(".")}]`];
  const entries = Object.entries(node.properties ?? {});
  for (const [key, child] of entries.filter(([, child]) => !isTable(child))) lines.push(...entry(key, child));
  for (const [key, child] of entries.filter(([, child]) => isTable(child))) {
    lines.push(
      "",
      ...(child.type === "array" ? tables([...path, key], child) : table([...path, key], child)),
    );
  }
  return lines;
}

/** An array of tables is shown commented out: an example of an entry is not a default. */
function tables(path: readonly string[], node: JsonSchema): string[] {
  const lines = [...comment(node.description ?? ""), `# [[${path.join(".")}]]`];
  for (const [key, child] of Object.entries(node.items?.properties ?? {})) {
    const value = child.default ?? child.examples?.[0] ?? "…";
    lines.push(`# ${assignment(key, value)}  # ${explained(child)}`);
  }
  return lines;
}

function entry(key: string, node: JsonSchema): string[] {
  const { default: value } = node;
  const line = assignment(key, value);
  const lines = line.length > WIDTH && Array.isArray(value) ? wideList(key, value) : [line];
  return [...comment(explained(node)), ...lines];
}

/** A list with each of its entries on a line. */
function wideList(key: string, values: readonly unknown[]): string[] {
  const entry = (value: unknown) => assignment(key, value).slice(`${key} = `.length);
  return [`${key} = [`, ...values.map((value) => `  ${entry(value)},`), "]"];
}

/** What a key is for, and what it may be. */
function explained(node: JsonSchema): string {
  const what = node.description ?? "";
  const may = allowed(node);
  return what.includes(may) ? what : `${what} (${may})`;
}

function isTable(node: JsonSchema): boolean {
  return node.type === "object" || (node.type === "array" && node.items?.type === "object");
}

function assignment(key: string, value: unknown): string {
  return stringify({ [key]: value }).trim();
}

function comment(words: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of words.split(" ")) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return words === "" ? [] : [...lines, line];
}
