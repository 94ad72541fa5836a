import { LowSync, type SyncAdapter } from "lowdb";
import type { z } from "zod";
import { DurableFile, type Origin } from "./durable-file.ts";

/** lowdb's way to a {@link DurableFile}. */
class DurableAdapter<T> implements SyncAdapter<T> {
  origin: Origin = "none";
  setAside: string[] = [];

  constructor(private readonly file: DurableFile<T>) {}

  read(): T | null {
    const { value, origin, setAside } = this.file.read();
    this.origin = origin;
    this.setAside = setAside;
    return value ?? null;
  }

  write(data: T): void {
    this.file.write(data);
  }
}

/** A small state document of one part, kept with lowdb in a JSON file that people may read. */
export interface Document<T> {
  readonly data: T;
  /** Changes the document and returns when the change is on the medium. */
  update(change: (data: T) => void): void;
  /** Where the document was found when it was opened. */
  readonly origin: Origin;
  /** Torn files that were set aside when it was opened. */
  readonly setAside: readonly string[];
}

/**
 * Opens a document, made from `initial` where there is none or where no whole copy is left.
 *
 * The version in the other slot reads it too, be it older or newer: fields are added, and never changed in what they mean or
 * may be. What has to look otherwise goes into a file of another name.
 * @param schema what the document must look like, with `looseObject` in all of it, so that fields which this version does not
 *   know stay as they are; a file that does not look like it is treated as torn
 */
export function openDocument<T>(path: string, schema: z.ZodType<T>, initial: () => T): Document<T> {
  const adapter = new DurableAdapter<T>(
    new DurableFile(
      path,
      (text) => schema.parse(JSON.parse(text)),
      (value) => `${JSON.stringify(value, null, 2)}\n`,
    ),
  );
  const low = new LowSync<T>(adapter, initial());
  low.read();
  return {
    get data() {
      return low.data;
    },
    update(change) {
      // On a copy: a change that fails, or cannot be written, leaves the document as it was.
      const next = structuredClone(low.data);
      change(next);
      adapter.write(next);
      low.data = next;
    },
    origin: adapter.origin,
    setAside: adapter.setAside,
  };
}
