import type { Draft, Fault } from "../../portal/guest/messages/draft.ts";
import type { TextKey } from "../../portal/locales/index.ts";
import { plainDigits, tidyLine, tidyLines, tidyName } from "../messages/index.ts";

/** What a field was found to be instead of what it should. */
class Wrong {
  constructor(
    readonly key: TextKey,
    readonly numbers: Readonly<Record<string, number>> = {},
  ) {}
}

interface Asked {
  name: string;
  /** What the page calls it. */
  label: TextKey;
}

/**
 * Reads what somebody has typed into a form, field by field, and notes every fault, so that the form can be shown again as it
 * was, with all that is wrong with it at once.
 */
export class FormFields {
  private readonly faults: Fault[] = [];
  private readonly values: Record<string, string> = {};

  constructor(private readonly sent: URLSearchParams) {}

  /** A text of one line. @param most characters, as Unicode's code points */
  line(asked: Asked, most: number, needed = false): string {
    return this.text(asked, tidyLine, most, needed);
  }

  /** What somebody calls themselves. */
  name(asked: Asked, most: number, needed = false): string {
    return this.text(asked, tidyName, most, needed);
  }

  /** A text of several lines. */
  lines(asked: Asked, most: number, needed = false): string {
    return this.text(asked, tidyLines, most, needed);
  }

  /** A whole number in the digits of any script. @returns undefined where nothing was typed */
  whole(asked: Asked, least: number, most: number): number | undefined {
    return this.read<number>(asked, (typed) => {
      const digits = plainDigits(typed).replace(/[\s%\u066a]/g, "");
      const number = /^\d{1,9}$/.test(digits) ? Number(digits) : undefined;
      return number !== undefined && number >= least && number <= most
        ? number
        : new Wrong("error.number", { least, most });
    });
  }

  /** What {@link parse} makes of a line. @returns undefined where nothing was typed */
  parsed<T extends object | string>(
    asked: Asked,
    parse: (typed: string) => T | undefined,
    wrong: TextKey,
  ): T | undefined {
    return this.read<T>(asked, (typed) => parse(typed) ?? new Wrong(wrong));
  }

  /** One of several; the first where it is none of them. */
  choice<T extends string>(name: string, options: readonly [T, ...T[]]): T {
    const typed = this.typed(name);
    const chosen = options.find((option) => option === typed) ?? options[0];
    this.values[name] = chosen;
    return chosen;
  }

  /** The form as it was filled in. @param work by which it is taken after all */
  draft(problem?: TextKey, work?: string): Draft {
    const { values, faults } = this;
    return {
      values,
      faults,
      ...(problem === undefined ? {} : { problem }),
      ...(work === undefined ? {} : { work }),
    };
  }

  /** Notes what is wrong with a field. */
  fault(fault: Fault): void {
    this.faults.push(fault);
  }

  get hasFaults(): boolean {
    return this.faults.length > 0;
  }

  private text(
    { name, label }: Asked,
    tidy: (text: string) => string,
    most: number,
    needed: boolean,
  ): string {
    const text = tidy(this.typed(name));
    this.values[name] = text;
    if (needed && text === "") this.fault({ field: name, label, key: "error.missing" });
    if ([...text].length > most)
      this.fault({ field: name, label, key: "error.long", numbers: { count: most } });
    return text;
  }

  private read<T>({ name, label }: Asked, parse: (typed: string) => T | Wrong): T | undefined {
    const typed = tidyLine(this.typed(name));
    this.values[name] = typed;
    if (typed === "") return undefined;
    const parsed = parse(typed);
    if (!(parsed instanceof Wrong)) return parsed;
    this.fault({ field: name, label, key: parsed.key, numbers: parsed.numbers });
    return undefined;
  }

  private typed(name: string): string {
    return this.sent.get(name) ?? "";
  }
}
