import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "../../host/run.ts";
import type { CardTexts } from "./card-texts.ts";

/** Makes the card writable for a moment. */
export interface CardMount {
  writable(): Promise<void>;
  readOnly(): Promise<void>;
}

/** What else is on its way to a slow card goes first. */
const MOUNT_TIMEOUT_MS = 120_000;

/** The control partition of an image's box, mounted read-only but for the moments of a write (mount(8), remount). */
export function remounting(folder: string): CardMount {
  const remount = async (as: "rw" | "ro") =>
    void (await run(["mount", "-o", `remount,${as}`, folder], { timeoutMs: MOUNT_TIMEOUT_MS }));
  return { writable: () => remount("rw"), readOnly: () => remount("ro") };
}

/** Which files are not as they are to be. */
export function staleTexts(folder: string, texts: CardTexts): string[] {
  return Object.keys(texts).filter((name) => textIn(join(folder, name)) !== texts[name]);
}

/**
 * Makes the card's texts as they are to be; one that is so already costs no write, and the card stays read-only.
 * @returns the names of the files that were written or removed
 * @throws what the file system says; the card is read-only again then too, unless that is what failed
 */
export async function writeCard(folder: string, texts: CardTexts, mount: CardMount): Promise<string[]> {
  const stale = staleTexts(folder, texts);
  if (stale.length === 0) return stale;
  await mount.writable();
  try {
    for (const name of stale) replace(join(folder, name), texts[name]);
    syncFolder(folder);
  } finally {
    await mount.readOnly();
  }
  return stale;
}

/** First whole beside it, then in its place: whoever pulls the card out finds the old text or the new one. */
function replace(path: string, text: string | undefined): void {
  if (text === undefined) {
    rmSync(path, { force: true });
    return;
  }
  const aside = `${path}.new`;
  const descriptor = openSync(aside, "w");
  try {
    const bytes = Buffer.from(text);
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(aside, path);
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function textIn(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A damaged file is written anew.
    return "";
  }
}
