import { join } from "node:path";
import { tryRun } from "../../src/host/run.ts";

/** How much a service could do that has been taken over. */
export interface Exposure {
  unit: string;
  /** 0 to 10; the lower, the less. */
  score: number;
}

/**
 * Asks systemd-analyze(1) about units in files.
 * @returns nothing where this machine has no systemd
 */
export async function exposures(folder: string, units: readonly string[]): Promise<Exposure[]> {
  const found: Exposure[] = [];
  for (const unit of units) {
    const command = ["systemd-analyze", "security", "--offline=true", "--no-pager", join(folder, unit)];
    const { stdout } = await tryRun(command, { timeoutMs: 30_000, env: { LC_ALL: "C" } });
    const score = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1];
    if (score !== undefined) found.push({ unit, score: Number(score) });
  }
  return found;
}
