import { type LineInfo, listLines } from "./serial/index.ts";

/**
 * Serial adapters that are plugged in by USB. A board's own lines are not among them: one may be the machine's console,
 * which a probe would disturb, so they are used where an operator names them.
 */
export async function listUsbLines(): Promise<LineInfo[]> {
  return (await listLines()).filter(({ vendorId }) => vendorId !== undefined);
}
