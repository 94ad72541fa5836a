import type { ConfError, ConfProblem } from "./conf-error.ts";
import type { Row } from "./row.ts";

/** `key=value` of a file. */
export interface Line {
  key: string;
  value: string;
  /** From 1. */
  number: number;
}

/** Lines that belong together, such as those of one network; whoever knows a line takes it. */
export class Section {
  readonly #lines: Line[] = [];

  /** @param failure the kind of error that is thrown */
  constructor(readonly failure: new (problems: readonly ConfProblem[]) => ConfError) {}

  push(line: Line): void {
    this.#lines.push(line);
  }

  /** @throws {ConfError} where the key is there twice: the program would forget the first */
  take(key: string): Line | undefined {
    const [first, second] = this.takeAll(key);
    if (second !== undefined)
      throw new this.failure([{ field: key, why: "is there twice", line: second.number }]);
    return first;
  }

  takeAll(key: string): Line[] {
    const found = this.#lines.filter((line) => line.key === key);
    for (const line of found) this.#lines.splice(this.#lines.indexOf(line), 1);
    return found;
  }

  /** @throws {ConfError} with the first line that nobody took */
  end(): void {
    const [left] = this.#lines;
    if (left === undefined) return;
    throw new this.failure([
      { field: left.key, why: "is not known, or has no meaning here", line: left.number },
    ]);
  }
}

/**
 * Takes each row's line, if it is there.
 * @param where what the options are in: `bss[1]`; "": they are the whole
 * @throws {ConfError}
 */
export function readRows<O>(section: Section, rows: readonly Row<O>[], where: string): Partial<O> {
  const options: Partial<O> = {};
  for (const row of rows) {
    const line = section.take(row.key);
    const why = line === undefined ? undefined : row.read(line.value, options);
    if (line !== undefined && why !== undefined)
      throw new section.failure([{ field: fieldName(where, row.field), why, line: line.number }]);
  }
  return options;
}

export function writeRows<O>(options: O, rows: readonly Row<O>[]): string[] {
  return rows.flatMap((row) => {
    const value = row.write(options);
    return value === undefined ? [] : [`${row.key}=${value}`];
  });
}

/** What is wrong with single options. */
export function* rowProblems<O>(options: O, rows: readonly Row<O>[], where: string): Generator<ConfProblem> {
  for (const row of rows) {
    const why = row.fault(options);
    if (why !== undefined) yield { field: fieldName(where, row.field), why };
  }
}

function fieldName(where: string, field: string): string {
  return where === "" ? field : `${where}.${field}`;
}
