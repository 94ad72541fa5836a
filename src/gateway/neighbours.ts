import { tryRun } from "../host/run.ts";

interface NeighbourRow {
  dst?: string;
  lladdr?: string;
}

/** The MAC address behind an address on a device, as the kernel's neighbour table has it (ip-neighbour(8)). */
export async function neighbourMac(device: string, address: string): Promise<string | undefined> {
  const { stdout } = await tryRun(["ip", "-j", "neigh", "show", "to", address, "dev", device]);
  const rows = stdout.trim() === "" ? [] : (JSON.parse(stdout) as NeighbourRow[]);
  return rows.find((row) => row.lladdr !== undefined)?.lladdr;
}
