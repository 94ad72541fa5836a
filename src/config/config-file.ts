import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { textOfBytes } from "./config-bytes.ts";
import { configOfImager } from "./imager-files.ts";
import { nearName } from "./near-name.ts";

export interface ConfigFileText {
  text: string;
  /** The file that was read: the one that was asked for, or one of the same folder that means it. */
  file: string;
}

/**
 * Reads a configuration file as people leave them: in other encodings, and under names that their system made of it. Where
 * there is none, what Raspberry Pi Imager has left beside it counts.
 * @throws {TextBytesError} when it is no text, and what the file system throws
 */
export function readConfigFile(file: string): ConfigFileText {
  try {
    return { text: textOfBytes(readFileSync(file)), file };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const folder = dirname(file);
    const near = nearName(basename(file), namesIn(folder));
    if (near !== undefined) {
      const meant = join(folder, near);
      return { text: textOfBytes(readFileSync(meant)), file: meant };
    }
    const text = configOfImager((name) => textIfThere(join(folder, name)));
    if (text === undefined) throw error;
    return { text, file: join(folder, "settings of Raspberry Pi Imager") };
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textIfThere(path: string): string | undefined {
  try {
    return textOfBytes(readFileSync(path));
  } catch {
    return undefined;
  }
}
