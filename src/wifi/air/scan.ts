import type { Logger } from "../../host/log.ts";
import { tryRun } from "../../host/run.ts";
import { type HeardNetwork, parseIwScan } from "../heard/index.ts";
import type { Radio } from "../radio-inventory.ts";
import { isUp } from "./radio-commands.ts";

/** The channels at 2.4 GHz that leave each other alone: on them every network of the band is heard. */
const APART_24GHZ = ["2412", "2437", "2462"];
/** A tenth of a second on a channel and the change to it; an emulated machine has taken three times as long. */
const SHORT_SCAN_MS = 3_000;
/** Of both bands takes 4 s on a real chip, and 12 s in an emulated machine. */
const WHOLE_SCAN_MS = 15_000;

export interface ScanOptions {
  /** On all channels, for networks that may serve as uplinks. */
  everywhere: boolean;
  /** Resolves when the scan of an interface that begins after the call is over, by iw(8)'s events. */
  over: (name: string) => Promise<void>;
  log: Logger;
}

/** Listens once to what is around, by the interface that the system has made of a radio. It must not be in use. */
export async function scanBy({ interfaces }: Radio, options: ScanOptions): Promise<HeardNetwork[]> {
  const name = interfaces.find(({ type }) => type === "managed")?.name;
  if (name === undefined) return [];
  const wasUp = isUp(name);
  if (!wasUp && (await tryRun(["ip", "link", "set", name, "up"])).exitCode !== 0) return [];
  await scan(name, options);
  const { stdout } = await tryRun(["iw", "dev", name, "scan", "dump"]);
  if (!wasUp) await tryRun(["ip", "link", "set", name, "down"]);
  return parseIwScan(stdout);
}

/**
 * Scans, and waits for the end. Not by `iw scan`, which begins to wait for the end only after it has begun the scan, and
 * waits for ever where that has ended by then, as on a machine with much to do (iw's own scan.c says so).
 */
async function scan(name: string, { everywhere, over, log }: ScanOptions): Promise<void> {
  const ended = over(name);
  const channels = everywhere ? [] : ["freq", ...APART_24GHZ];
  const { exitCode, stderr } = await tryRun(["iw", "dev", name, "scan", "trigger", ...channels]);
  if (exitCode !== 0) log.warn(`${name} does not listen to what is around: ${stderr.trim()}`);
  else await Promise.race([ended, Bun.sleep(everywhere ? WHOLE_SCAN_MS : SHORT_SCAN_MS)]);
}
