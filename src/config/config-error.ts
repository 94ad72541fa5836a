/** One thing that is wrong with a configuration file. */
export interface ConfigProblem {
  /** Where: `gateway.services[1].port`, or "" for the file as a whole. */
  key: string;
  /** The value found there, as TOML-like text, shortened. Undefined where the key is unknown to us or missing. */
  value?: string;
  /** What is allowed, or what to do. */
  allowed: string;
}

/** Every problem of one configuration file, together. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(
    readonly file: string,
    readonly problems: readonly ConfigProblem[],
  ) {
    super(
      [
        `${file} has ${problems.length === 1 ? "one problem" : `${problems.length} problems`}:`,
        ...problems.map((p) => `  ${problemLine(p)}`),
      ].join("\n"),
    );
  }
}

/** One problem as a line for people: `gateway.lease_minutes: 0 is not allowed; allowed: a whole number from 2 to 1440`. */
export function problemLine({ key, value, allowed }: ConfigProblem): string {
  const where = key === "" ? "" : `${key}: `;
  return value === undefined ? `${where}${allowed}` : `${where}${value} is not allowed; allowed: ${allowed}`;
}
