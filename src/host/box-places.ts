import { tmpdir } from "node:os";
import { join } from "node:path";

/** `bench`: any machine, no root, no radios. `device`: the board, everything real. */
export type Mode = "bench" | "device";

/** Where a box keeps its state when it was not told. */
export const DEFAULT_STATE: Record<Mode, string> = { bench: ".state/bench", device: "/var/lib/omerta-box" };

/** The daemon's socket for the command line and the box's own screen, in its run folder. */
export const CONTROL_SOCKET = "control.sock";

/** Where a box keeps its sockets when it was not told: on a board under /run, elsewhere one folder for each state folder. */
export function defaultRunFolder(mode: Mode, stateFolder: string): string {
  if (mode === "device") return "/run/omerta-box";
  const tag = Bun.hash.wyhash(stateFolder).toString(36);
  return join(tmpdir(), `omerta-box-${process.getuid?.() ?? 0}-${tag}`);
}
