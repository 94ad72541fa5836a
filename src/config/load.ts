import leven from "leven";
import { parse as parseToml, TomlError } from "smol-toml";
import type { z } from "zod";
import { allowedAt, describedAt, knownKeysAt } from "./allowed.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { readConfigFile } from "./config-file.ts";
import { configJsonSchema } from "./json-schema.ts";
import { type Config, configSchema, defaultConfig } from "./schema.ts";

/** Larger files are refused: a configuration of every key at its longest is under 32 KiB. */
const MAX_BYTES = 262_144;

/** No key lies deeper than three tables and a list. */
const MAX_DEPTH = 16;

/** Leaving out what is wrong can bring out what was hidden behind it; so often and no more. */
const MAX_ROUNDS = 10;

/** The result of reading a file that may be broken: always a configuration to run with. */
export interface LoadedConfig {
  config: Config;
  /** Empty when the file was good, or when there was none. */
  problems: readonly ConfigProblem[];
  /** The file that was read, perhaps one that only means the one asked for (`omerta.toml.txt`); undefined when there was none. */
  file: string | undefined;
  /** The text of a good file, to be kept for the day when it is not. */
  good?: string;
}

/**
 * Parses and checks the text of an `omerta.toml`.
 * @param file its name, for messages
 * @throws {ConfigError} with every problem at once
 */
export function parseConfig(source: string, file = "omerta.toml"): Config {
  const { config, problems } = mendedConfig(tableOf(source, file));
  if (problems.length > 0) throw new ConfigError(file, problems);
  return config;
}

/**
 * Reads a configuration file for a box that must start whatever the file says. A missing file gives the defaults. In
 * a file with wrong keys each of those gets its default, which is the safe choice for every key, and the rest holds.
 * A file that is no text, or no TOML at all, is replaced by the last good one, where there is one. The file itself is never touched.
 * @param lastGood the text of the last good file
 */
export function loadConfig(file: string | undefined, lastGood?: string): LoadedConfig {
  if (file === undefined) return { config: defaultConfig(), problems: [], file: undefined };
  let source: string;
  let found = file;
  try {
    ({ text: source, file: found } = readConfigFile(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return { config: defaultConfig(), problems: [], file: undefined };
    }
    const reason = error instanceof Error ? error.message : String(error);
    return withoutFile(file, [{ key: "", allowed: `cannot be read: ${reason}` }], lastGood);
  }
  try {
    const { config, problems } = mendedConfig(tableOf(source, found));
    return { config, problems, file: found, ...(problems.length === 0 ? { good: source } : {}) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return withoutFile(found, error.problems, lastGood);
  }
}

function withoutFile(
  file: string,
  problems: readonly ConfigProblem[],
  lastGood: string | undefined,
): LoadedConfig {
  const kept = lastGood === undefined ? undefined : readable(lastGood);
  const instead = kept === undefined ? "the defaults are in use" : "the last good configuration is in use";
  return { config: kept ?? defaultConfig(), problems: [...problems, { key: "", allowed: instead }], file };
}

/** What a kept copy says, if it can still be read: it was good once, but the medium or a newer box may differ. */
function readable(source: string): Config | undefined {
  try {
    return mendedConfig(tableOf(source, "the last good copy")).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return undefined;
  }
}

function tableOf(source: string, file: string): Record<string, unknown> {
  if (source.length > MAX_BYTES) {
    throw new ConfigError(file, [{ key: "", allowed: `the file is larger than ${MAX_BYTES / 1024} KiB` }]);
  }
  try {
    const table = parseToml(source.replace(/^\uFEFF/, ""));
    if (isDeeper(table, MAX_DEPTH))
      throw new ConfigError(file, [{ key: "", allowed: "it is nested too deep" }]);
    return table;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    throw new ConfigError(file, [
      { key: "", allowed: `line ${error.line}, column ${error.column}: ${reason}` },
    ]);
  }
}

/** Whether tables and lists lie in each other deeper than `levels`; looked at no further than that. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** A table with whatever is wrong in it left out, and what that was. */
function mendedConfig(table: Record<string, unknown>): { config: Config; problems: ConfigProblem[] } {
  const found: ConfigProblem[] = [];
  let rest: Record<string, unknown> = structuredClone(table);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    // As it stands: to compile the schema first takes longer than to go through it once (zod.dev, "jitless").
    const result = configSchema.safeParse(rest, { jitless: true });
    if (result.success) {
      return { config: result.data, problems: onePerKey(found) };
    }
    const { issues } = result.error;
    // What is wrong in an entry that was left out in an earlier round has been said with it.
    found.push(...issues.flatMap((issue) => problems(issue, rest)));
    rest = without(rest, issues);
  }
  return { config: defaultConfig(), problems: onePerKey(found) };
}

/** Two rules may be broken at the same key: people need to read of it once. */
function onePerKey(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return [...new Map(problems.map((problem) => [problem.key, problem])).values()];
}

/** A copy without the keys that issues name; an entry of a list goes as a whole, and at last so does a whole table. */
function without(
  table: Record<string, unknown>,
  issues: readonly z.core.$ZodIssue[],
): Record<string, unknown> {
  const copy = structuredClone(table);
  const entries = new Map<unknown[], Set<number>>();
  for (const issue of issues) {
    const path = issue.path.map(String);
    const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
    for (const one of paths) {
      const first = one.findIndex((_, index) => Array.isArray(valueAt(copy, one.slice(0, index))));
      const end = first < 0 ? one.length - 1 : first;
      const holder = valueAt(copy, one.slice(0, end));
      const last = one[end];
      if (last === undefined || typeof holder !== "object" || holder === null) continue;
      if (Array.isArray(holder)) entries.set(holder, (entries.get(holder) ?? new Set()).add(Number(last)));
      else Reflect.deleteProperty(holder, last);
    }
  }
  for (const [list, indexes] of entries) {
    list.splice(0, list.length, ...list.filter((_, index) => !indexes.has(index)));
  }
  return copy;
}

function problems(issue: z.core.$ZodIssue, table: unknown): ConfigProblem[] {
  const schema = configJsonSchema();
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys") {
    const known = knownKeysAt(schema, path);
    return issue.keys.map((key) => ({ key: keyText([...path, key]), allowed: unknownKey(key, known) }));
  }
  const value = valueAt(table, path);
  // A rule of several keys brings its own words.
  const own = issue.message.startsWith("Invalid") ? describedAt(schema, path) : issue.message;
  const allowed = issue.code === "custom" ? own : allowedAt(schema, path);
  if (value === undefined) return [{ key: keyText(path), allowed: `is missing; needed: ${allowed}` }];
  // What is wrong is shown on screens too.
  const shown = path.at(-1) === "password" ? "this one" : valueText(value);
  return [{ key: keyText(path), value: shown, allowed }];
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
  const isPlain = typeof value === "bigint" || typeof value === "number";
  const text = isPlain
    ? String(value).replace("Infinity", "inf").replace("NaN", "nan")
    : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
