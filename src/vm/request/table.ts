import { LeaseRequestError } from "./lease-request-error.ts";

/** A plain object that somebody has sent: its values are taken by name, each checked, and none may be left. */
export class Table {
  private readonly values: Map<string, unknown>;

  /** @param what the path to it, for errors. @throws {LeaseRequestError} when it is no object */
  constructor(
    value: unknown,
    private readonly what: string,
  ) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new LeaseRequestError(what, "is no table");
    }
    this.values = new Map(Object.entries(value));
  }

  uint(field: string, min: number, max: number): number {
    const value = this.take(field);
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      throw this.fail(field, `is no whole number from ${min} to ${max}`);
    }
    return value;
  }

  flag(field: string): boolean {
    const value = this.take(field);
    if (typeof value !== "boolean") throw this.fail(field, "is neither true nor false");
    return value;
  }

  text(field: string): string {
    const value = this.take(field);
    if (typeof value !== "string") throw this.fail(field, "is no text");
    return value;
  }

  /** @param form what it must look like, in words */
  matching(field: string, pattern: RegExp, form: string): string {
    const value = this.text(field);
    if (!pattern.test(value)) throw this.fail(field, `is not ${form}`);
    return value;
  }

  table(field: string): Table {
    return new Table(this.take(field), `${this.what}.${field}`);
  }

  /** What `read` makes of a field, or undefined where there is none. */
  optional<T>(field: string, read: (field: string) => T): T | undefined {
    if (this.values.get(field) !== undefined) return read(field);
    this.values.delete(field);
    return undefined;
  }

  /** Nothing may be left: what is not understood may change what is asked for. */
  end(): void {
    const [left] = this.values.keys();
    if (left !== undefined) throw this.fail(left.slice(0, MAX_NAME_SHOWN), "is not known here");
  }

  fail(field: string, why: string): LeaseRequestError {
    return new LeaseRequestError(`${this.what}.${field}`, why);
  }

  private take(field: string): unknown {
    const value = this.values.get(field);
    if (value === undefined) throw this.fail(field, "is missing");
    this.values.delete(field);
    return value;
  }
}

/** A name of somebody else's making goes into a log line. */
const MAX_NAME_SHOWN = 40;
