import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Where a document was read from. */
export type Origin = "current" | "previous" | "none";

export interface DurableRead<T> {
  value: T | undefined;
  origin: Origin;
  /** Files that could not be read as a whole document, under the names they were set aside with. */
  setAside: string[];
}

/**
 * One small document that survives a power cut at any moment. A write goes to a file aside, which is synced and then
 * renamed over the old one, and the folder is synced (POSIX rename(2) is atomic, but durable only after that). The
 * document before it stays as `NAME.previous`.
 */
export class DurableFile<T> {
  /**
   * @param decode turns text into a document and throws on anything else
   */
  constructor(
    readonly path: string,
    private readonly decode: (text: string) => T,
    private readonly encode: (value: T) => string,
  ) {}

  /** Reads the current document, or the one before it when the current one is torn. A torn file is set aside, never deleted. */
  read(): DurableRead<T> {
    const setAside: string[] = [];
    for (const [path, origin] of [
      [this.path, "current"],
      [this.previousPath, "previous"],
    ] as const) {
      const text = readIfThere(path);
      if (text === undefined) continue;
      try {
        return { value: this.decode(text), origin, setAside };
      } catch {
        const aside = freeName(`${path}.torn`);
        renameSync(path, aside);
        setAside.push(aside);
      }
    }
    return { value: undefined, origin: "none", setAside };
  }

  /** Returns only when the document is on the medium. */
  write(value: T): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const aside = `${this.path}.new`;
    writeSynced(aside, this.encode(value));
    keepAs(this.path, this.previousPath);
    renameSync(aside, this.path);
    syncFolder(dirname(this.path));
  }

  private get previousPath(): string {
    return `${this.path}.previous`;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A second name for a file, put in place atomically; nothing happens where there is no file yet. */
function keepAs(path: string, kept: string): void {
  const link = `${kept}.new`;
  rmSync(link, { force: true });
  try {
    linkSync(path, link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  renameSync(link, kept);
}

function writeSynced(path: string, text: string): void {
  const descriptor = openSync(path, "w", 0o600);
  try {
    const bytes = Buffer.from(text);
    let written = 0;
    while (written < bytes.length) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Has what a file holds on the medium. */
export function syncFile(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Has the names in a folder on the medium. */
export const syncFolder = syncFile;

/** How many torn files of one name are kept; the last name is used again after that. */
const MAX_SET_ASIDE = 5;

function freeName(path: string): string {
  for (let n = 1; n < MAX_SET_ASIDE; n += 1) {
    if (readIfThere(`${path}.${n}`) === undefined) return `${path}.${n}`;
  }
  return `${path}.${MAX_SET_ASIDE}`;
}
