import { join } from "node:path";
import { ConfigError, type LoadedConfig, loadConfig, parseConfig } from "../config/index.ts";
import { DurableFile } from "./durable-file.ts";

/** Where the last good configuration is kept. */
export const lastGoodConfigIn = (stateFolder: string): string => join(stateFolder, "omerta.last-good.toml");

/**
 * Reads the configuration, and keeps it while it is good, so that a bad one later leaves the box with the last good one.
 * @param failed told when the kept one cannot be read or written; the box goes on
 */
export function loadKeptConfig(
  file: string | undefined,
  stateFolder: string,
  failed: (error: unknown) => void,
): LoadedConfig {
  const lastGood = new DurableFile(lastGoodConfigIn(stateFolder), goodConfigText, String);
  const attempt = <T>(action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      failed(error);
      return undefined;
    }
  };
  const kept = attempt(() => lastGood.read().value);
  const loaded = loadConfig(file, kept);
  const { good } = loaded;
  if (good !== undefined && good !== kept) attempt(() => lastGood.write(good));
  return loaded;
}

/**
 * A newer version's has keys that this one does not know, and is good all the same.
 * @throws when it is no configuration at all, so that a torn copy gives way to the one before it
 */
function goodConfigText(text: string): string {
  try {
    parseConfig(text);
  } catch (error) {
    if (!(error instanceof ConfigError && error.problems.every(({ key }) => key !== ""))) throw error;
  }
  return text;
}
