import type { ValueCodec } from "./value-codec.ts";

/** One option that is one line: its name in the options, its key in the file, and how its value is written. */
export interface Row<O> {
  key: string;
  field: string;
  /** The line's value; undefined where the option is not set. */
  write(options: O): string | undefined;
  /** What is wrong with the option; undefined: nothing, or it is not set. */
  fault(options: O): string | undefined;
  /** Sets the option from a line's value. @returns what is wrong with that; undefined: nothing */
  read(value: string, into: Partial<O>): string | undefined;
}

/** Makes rows of options O. `secret`: the value is told in no error. */
export function rowsOf<O>() {
  return function row<F extends keyof O & string>(
    key: string,
    field: F,
    codec: ValueCodec<NonNullable<O[F]>>,
    secrecy?: "secret",
  ): Row<O> {
    const not = (value: unknown) => faultText(value, codec.form, secrecy);
    return {
      key,
      field,
      write: (options) => {
        const value = options[field];
        return value === undefined || value === null ? undefined : codec.encode(value);
      },
      fault: (options) => {
        const value = options[field];
        return value === undefined || value === null || codec.fits(value) ? undefined : not(value);
      },
      read: (text, into) => {
        const value = codec.decode(text);
        if (value === undefined || !codec.fits(value)) return not(text);
        Object.assign(into, { [field]: value });
        return undefined;
      },
    };
  };
}

const MAX_SHOWN = 60;

/** `"abc" is not a whole number …` */
export function faultText(value: unknown, form: string, secrecy?: "secret"): string {
  if (secrecy === "secret") return `it is not ${form}`;
  const shown = JSON.stringify(value) ?? String(value);
  return `${shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown} is not ${form}`;
}
