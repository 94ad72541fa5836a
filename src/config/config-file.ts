import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { textOfBytes } from "./config-bytes.ts";
import { nearName } from "./near-name.ts";

export interface ConfigFileText {
  text: string;
  /** The file that was read: the one that was asked for, or one of the same folder that means it. */
  file: string;
}

/**
 * Reads a configuration file as people leave them: in other encodings, and under names that their system made of it.
 * @throws {TextBytesError} when it is no text, and what the file system throws
 */
export function readConfigFile(file: string): ConfigFileText {
  try {
    return { text: textOfBytes(readFileSync(file)), file };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const near = nearName(basename(file), namesIn(dirname(file)));
    if (near === undefined) throw error;
    const meant = join(dirname(file), near);
    return { text: textOfBytes(readFileSync(meant)), file: meant };
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
