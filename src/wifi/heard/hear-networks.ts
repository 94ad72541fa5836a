import { tryRun } from "../../host/run.ts";
import type { RadioInventory } from "../radio-inventory.ts";
import type { HeardNetwork } from "./heard-network.ts";
import { parseIwScan } from "./iw-scan.ts";
import { heardByNetworkManager } from "./network-manager-scan.ts";

/**
 * What this machine's radios heard last, without making them scan: an access point that is open stays undisturbed. The
 * kernel's own list, and where it is empty NetworkManager's, if there is one. Nothing heard is no error.
 */
export async function lastHeard({ radios }: RadioInventory): Promise<HeardNetwork[]> {
  const names = radios.flatMap(({ interfaces }) =>
    interfaces.filter(({ type }) => type === "managed").map(({ name }) => name),
  );
  const dumps: HeardNetwork[] = [];
  for (const name of names)
    dumps.push(...parseIwScan((await tryRun(["iw", "dev", name, "scan", "dump"])).stdout));
  if (dumps.length > 0 || names.length === 0) return dumps;
  return heardByNetworkManager().catch(() => []);
}
