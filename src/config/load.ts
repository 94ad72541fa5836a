import { readFileSync } from "node:fs";
import leven from "leven";
import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";
import { allowedAt, type JsonSchema, knownKeysAt } from "./allowed.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { type Config, configSchema, defaultConfig } from "./schema.ts";

/** Larger files are refused: a configuration of every key at its longest is under 32 KiB. */
const MAX_BYTES = 262_144;

/** The result of reading a file that may be broken: always a configuration to run with. */
export interface LoadedConfig {
  config: Config;
  /** Empty when the file was good, or when there was none. */
  problems: readonly ConfigProblem[];
  /** The file that was read; undefined when there was none. */
  file: string | undefined;
}

/**
 * Parses and checks the text of an `omerta.toml`.
 * @param file its name, for messages
 * @throws {ConfigError} with every problem at once
 */
export function parseConfig(source: string, file = "omerta.toml"): Config {
  if (source.length > MAX_BYTES) {
    throw new ConfigError(file, [{ key: "", allowed: `the file is larger than ${MAX_BYTES / 1024} KiB` }]);
  }
  let table: Record<string, unknown>;
  try {
    table = parseToml(source.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    throw new ConfigError(file, [
      { key: "", allowed: `line ${error.line}, column ${error.column}: ${reason}` },
    ]);
  }
  const result = configSchema.safeParse(table);
  if (result.success) return result.data;
  throw new ConfigError(
    file,
    result.error.issues.flatMap((issue) => problems(issue, table)),
  );
}

/**
 * Reads a configuration file for a box that must start whatever the file says: a missing file gives the defaults,
 * a broken one the defaults with its problems. The file itself is never touched.
 */
export function loadConfig(file: string | undefined): LoadedConfig {
  if (file === undefined) return { config: defaultConfig(), problems: [], file: undefined };
  let source: string;
  try {
    source = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return { config: defaultConfig(), problems: [], file: undefined };
    }
    const reason = error instanceof Error ? error.message : String(error);
    return { config: defaultConfig(), problems: [{ key: "", allowed: `cannot be read: ${reason}` }], file };
  }
  try {
    return { config: parseConfig(source, file), problems: [], file };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: defaultConfig(), problems: error.problems, file };
  }
}

const schema = z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema;

function problems(issue: z.core.$ZodIssue, table: unknown): ConfigProblem[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys") {
    const known = knownKeysAt(schema, path);
    return issue.keys.map((key) => ({ key: keyText([...path, key]), allowed: unknownKey(key, known) }));
  }
  const value = valueAt(table, path);
  const allowed = allowedAt(schema, path);
  if (value === undefined) return [{ key: keyText(path), allowed: `is missing; needed: ${allowed}` }];
  return [{ key: keyText(path), value: valueText(value), allowed }];
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = known
    .map((name) => ({ name, distance: leven(key.toLowerCase(), name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const isNear = nearest !== undefined && nearest.distance <= Math.max(2, Math.floor(key.length / 3));
  return isNear
    ? `unknown key; did you mean "${nearest.name}"?`
    : `unknown key; known here: ${known.join(", ")}`;
}

function keyText(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
    "",
  );
}

function valueAt(table: unknown, path: readonly (string | number)[]): unknown {
  let value = table;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function valueText(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
