import { appendFileSync, closeSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Logger } from "../../host/log.ts";
import type { Belonging } from "./belongings.ts";

/** What a reaper or a sweep set out to end, for the journal of the next daemon that comes so far: one line of JSON each time. */
const FILE = "vm-reaped.jsonl";
/** More is not read. */
const MAX_BYTES = 1_048_576;

const lease = z.string().regex(/^[0-9a-f]{10}$/);
const name = z.string().max(4_096);
const belonging = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("process"),
    ...{ lease, name },
    pid: z.int().positive(),
    startTicks: z.string().max(20),
  }),
  z.strictObject({
    kind: z.enum(["namespace", "link", "cgroup", "mount", "volume", "file", "domain"]),
    ...{ lease, name },
  }),
]);
const line = z.strictObject({ ended: z.array(belonging).max(1_000) });

/** Adds to the report of a run folder. A medium that is full keeps nobody's lease alive. */
export function addToReport(runFolder: string, ended: readonly Belonging[], log: Logger): void {
  try {
    appendFileSync(join(runFolder, FILE), `${JSON.stringify({ ended })}\n`, { mode: 0o600 });
  } catch (error) {
    log.error({ error }, "what is ended could not be written down");
  }
}

/** What stands in the report. Lines that cannot be read, as the last one of a reaper that was killed, are passed over. */
export function readReport(runFolder: string): Belonging[] {
  return parseReport(beginning(join(runFolder, FILE)));
}

export function parseReport(text: string): Belonging[] {
  return text.split("\n").flatMap((one) => {
    try {
      return line.parse(JSON.parse(one)).ended;
    } catch {
      return [];
    }
  });
}

/** After it was journalled. */
export function removeReport(runFolder: string): void {
  rmSync(join(runFolder, FILE), { force: true });
}

function beginning(path: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    return ""; // Nothing was ended, or the machine was off since.
  }
  try {
    const bytes = Buffer.alloc(MAX_BYTES);
    return bytes.subarray(0, readSync(descriptor, bytes)).toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}
