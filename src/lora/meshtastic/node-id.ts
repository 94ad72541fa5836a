import type { NodeId } from "../radio.ts";

/** To everyone. */
export const BROADCAST = 0xffffffff;

/** `!a1b2c3d4`, as the firmware's own programs write it. */
export const nodeIdOf = (number: number): NodeId => `!${number.toString(16).padStart(8, "0")}`;

/** @returns undefined for what names no single node */
export function numberOf(id: NodeId): number | undefined {
  if (!/^![0-9a-f]{8}$/i.test(id)) return undefined;
  const number = Number.parseInt(id.slice(1), 16);
  return number === 0 || number === BROADCAST ? undefined : number;
}
