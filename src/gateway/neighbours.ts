import { tryRun } from "../host/run.ts";

interface NeighbourRow {
  dst?: string;
  lladdr?: string;
}

/** The IPv6 addresses on a device that the kernel has met, by MAC address. */
export async function ipv6Neighbours(device: string): Promise<Map<string, string[]>> {
  const { stdout } = await tryRun(["ip", "-6", "-j", "neigh", "show", "dev", device]);
  const rows = stdout.trim() === "" ? [] : (JSON.parse(stdout) as NeighbourRow[]);
  const addresses = new Map<string, string[]>();
  for (const { dst, lladdr } of rows) {
    if (dst !== undefined && lladdr !== undefined)
      addresses.set(lladdr, [...(addresses.get(lladdr) ?? []), dst]);
  }
  return addresses;
}

/** The MAC address behind an address on a device, as the kernel's neighbour table has it (ip-neighbour(8)). */
export async function neighbourMac(device: string, address: string): Promise<string | undefined> {
  const { stdout } = await tryRun(["ip", "-j", "neigh", "show", "to", address, "dev", device]);
  const rows = stdout.trim() === "" ? [] : (JSON.parse(stdout) as NeighbourRow[]);
  return rows.find((row) => row.lladdr !== undefined)?.lladdr;
}
