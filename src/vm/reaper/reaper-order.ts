import { z } from "zod";
import { processTable } from "../../host/process-table.ts";

/** The name under which `omerta-box` runs it. */
export const REAPER_COMMAND = "vm-reaper";

const paths = z.array(z.string().startsWith("/").max(4_096)).max(32);

export const reaperOrder = z.strictObject({
  /** The daemon's: where the report goes, and by which a later daemon knows this reaper. */
  runFolder: z.string().startsWith("/").max(4_096),
  grounds: z.strictObject({
    folders: paths,
    pidFolders: paths,
    cgroupParents: z.array(z.string().max(4_096)).max(32),
    hasVolumes: z.boolean(),
  }),
  libvirtUri: z.string().max(200),
  /** How long a daemon may be away before its leases end. */
  graceMs: z.int().min(0).max(600_000),
});

/** What a reaper is to know before its daemon dies: on its command line, for a pipe could end before it was all told. */
export type ReaperOrder = z.infer<typeof reaperOrder>;

/** The command line's end: `omerta-box` goes before it. */
export const reaperArguments = (order: ReaperOrder): string[] => [
  REAPER_COMMAND,
  "--order",
  JSON.stringify(order),
];

/** @returns the order on a process' command line; undefined where it is no reaper's */
export function orderOf(argv: readonly string[]): ReaperOrder | undefined {
  const at = argv.indexOf(REAPER_COMMAND);
  if (at < 0 || argv[at + 1] !== "--order" || argv.length !== at + 3) return undefined;
  try {
    return reaperOrder.parse(JSON.parse(argv[at + 2] ?? ""));
  } catch {
    return undefined;
  }
}

/** The reapers of a run folder that live. */
export const reapersOf = (runFolder: string) =>
  processTable().filter(({ argv }) => orderOf(argv)?.runFolder === runFolder);
