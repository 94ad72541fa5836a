import { HashPolicy } from "./hash-policy.ts";
import { removeMarks, TRAFFIC_TABLE } from "./mark-ruleset.ts";
import { QueueApplier, type Runner } from "./queue-applier.ts";
import { UplinkApplier } from "./uplink-applier.ts";

/**
 * Removes what a killed box has left in the kernel of parts that it is no longer to have: whoever has the part takes up
 * or replaces its leftovers by itself, without a break. Needs root.
 * @param unwanted which parts this box will not run
 * @param runFolder the one that the killed box had
 * @throws {RunError} when the kernel refuses
 */
export async function clearLeftovers(
  run: Runner,
  unwanted: { traffic: boolean; uplinks: boolean },
  runFolder: string,
): Promise<void> {
  if (unwanted.uplinks) {
    await new UplinkApplier(run).clear();
    await new HashPolicy(run, runFolder).putBack();
  }
  if (!unwanted.traffic) return;
  await new QueueApplier(run).removeAll();
  const tables = await run(["nft", "list", "tables"]);
  if (!tables.stdout.includes(`table inet ${TRAFFIC_TABLE}\n`)) return;
  await run(["nft", "-j", "-f", "-"], { input: JSON.stringify({ nftables: removeMarks }) });
}
