import type { Row } from "../hostap-values/index.ts";
import { HostapdConfError } from "./conf-error.ts";

/** `key=value` of a file. */
export interface Line {
  key: string;
  value: string;
  /** From 1. */
  number: number;
}

/** hostapd reads into a buffer of 4096 bytes, with the line's end and a 0. */
const MAX_LINE_BYTES = 4_094;
const MAX_BYTES = 65_536;
export const MAX_BSS = 16;

/** The lines up to the first `bss=`, and from each of these to the next; whoever knows a line takes it. */
export class Section {
  readonly #lines: Line[] = [];

  push(line: Line): void {
    this.#lines.push(line);
  }

  /** @throws {HostapdConfError} where the key is there twice: hostapd would forget the first */
  take(key: string): Line | undefined {
    const [first, second] = this.takeAll(key);
    if (second !== undefined)
      throw new HostapdConfError([{ field: key, why: "is there twice", line: second.number }]);
    return first;
  }

  takeAll(key: string): Line[] {
    const found = this.#lines.filter((line) => line.key === key);
    for (const line of found) this.#lines.splice(this.#lines.indexOf(line), 1);
    return found;
  }

  /** The first line that nobody took. */
  left(): Line | undefined {
    return this.#lines[0];
  }
}

/**
 * Cuts a file into its sections.
 * @throws {HostapdConfError} with the line
 */
export function readSections(text: string): [Section, ...Section[]] {
  if (text.length > MAX_BYTES) throw problem("", `more than ${MAX_BYTES} characters`);
  const sections: [Section, ...Section[]] = [new Section()];
  let current = sections[0];
  for (const [index, content] of text.split("\n").entries()) {
    const number = index + 1;
    if (content === "" || content.startsWith("#")) continue;
    if (Buffer.byteLength(content) > MAX_LINE_BYTES) throw problem("", "is too long", number);
    if (/\p{Cc}/u.test(content)) throw problem("", "has a control character", number);
    const equals = content.indexOf("=");
    if (equals < 1) throw problem("", "is no key=value", number);
    const line = { key: content.slice(0, equals), value: content.slice(equals + 1), number };
    if (line.key === "bss") {
      if (sections.length === MAX_BSS) throw problem("bss", `more than ${MAX_BSS} networks`, number);
      current = new Section();
      sections.push(current);
      current.push({ ...line, key: "interface" });
    } else {
      current.push(line);
    }
  }
  return sections;
}

/** Takes each row's line, if it is there. @throws {HostapdConfError} */
export function readRows<O>(section: Section, rows: readonly Row<O>[], where: string): Partial<O> {
  const options: Partial<O> = {};
  for (const row of rows) {
    const line = section.take(row.key);
    const why = line === undefined ? undefined : row.read(line.value, options);
    if (why !== undefined) throw problem(`${where}.${row.field}`, why, line?.number);
  }
  return options;
}

export function writeRows<O>(options: O, rows: readonly Row<O>[]): string[] {
  return rows.flatMap((row) => {
    const value = row.write(options);
    return value === undefined ? [] : [`${row.key}=${value}`];
  });
}

export function problem(field: string, why: string, line?: number): HostapdConfError {
  return new HostapdConfError([line === undefined ? { field, why } : { field, why, line }]);
}
