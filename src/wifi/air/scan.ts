import { createInterface } from "node:readline";
import { Readable } from "node:stream";
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

/**
 * Listens once to what is around, by the interface that the system has made of a radio. It must not be in use.
 * @param everywhere on all channels, for networks that may serve as uplinks
 */
export async function scanBy(
  { interfaces }: Radio,
  everywhere: boolean,
  log: Logger,
): Promise<HeardNetwork[]> {
  const name = interfaces.find(({ type }) => type === "managed")?.name;
  if (name === undefined) return [];
  const wasUp = isUp(name);
  if (!wasUp && (await tryRun(["ip", "link", "set", name, "up"])).exitCode !== 0) return [];
  if (everywhere) await scan(name, [], WHOLE_SCAN_MS, log);
  else await scan(name, ["freq", ...APART_24GHZ], SHORT_SCAN_MS, log);
  const { stdout } = await tryRun(["iw", "dev", name, "scan", "dump"]);
  if (!wasUp) await tryRun(["ip", "link", "set", name, "down"]);
  return parseIwScan(stdout);
}

/**
 * Scans, and waits for the end. Not by `iw scan`, which begins to wait for the end only after it has begun the scan, and
 * waits for ever where that has ended by then, as on a machine with much to do (iw's own scan.c says so).
 */
async function scan(name: string, channels: readonly string[], withinMs: number, log: Logger): Promise<void> {
  const events = Bun.spawn(["iw", "event"], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  try {
    const ended = scanEnd(events.stdout, name).catch(() => undefined);
    const { exitCode, stderr } = await tryRun(["iw", "dev", name, "scan", "trigger", ...channels]);
    if (exitCode !== 0) log.warn(`${name} does not listen to what is around: ${stderr.trim()}`);
    else await Promise.race([ended, Bun.sleep(withinMs)]);
  } finally {
    events.kill("SIGKILL");
  }
}

/** Resolves with iw(8)'s word that an interface's scan is over, or where no word comes any more. */
async function scanEnd(events: ReadableStream<Uint8Array>, name: string): Promise<void> {
  for await (const line of createInterface({ input: Readable.fromWeb(events) }))
    if (line.startsWith(`${name} `) && /: scan (?:finished|aborted)/.test(line)) return;
}
