import { createHash } from "node:crypto";
import type { Role } from "../plan/index.ts";

/**
 * Chips tell the addresses of their interfaces apart by the lowest bits alone: rt2x00 by three of them
 * (rt2x00lib_probe_hw_modes, addr_mask).
 */
const PLACE: Readonly<Record<Role, number>> = { open: 0, owe: 1, mesh: 2, uplink: 3 };

/**
 * The address of one interface: locally administered (IEEE 802, 8.2), the same after a reboot, another one for each box and
 * radio. Those of one radio differ in the last three bits alone.
 * @param deviceHash 32 bytes, of the device key
 * @param path the radio's
 */
export function ownAddress(deviceHash: Uint8Array, path: string, role: Role): string {
  const digest = createHash("sha256")
    .update("omerta radio address 1\0")
    .update(deviceHash)
    .update(path)
    .digest();
  const bytes = digest.subarray(0, 6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  bytes[5] = ((bytes[5] ?? 0) & 0xf8) | PLACE[role];
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
