import type { InterfaceType } from "../radio-inventory.ts";
import { linesOf } from "./inventory-error.ts";
import { interfaceType } from "./iw-combinations.ts";

/** An interface as `iw dev` lists it. */
export interface ListedInterface {
  /** The phy's number, which stays when it is renamed. */
  phyIndex: number;
  name: string;
  type: InterfaceType;
}

const MAX_INTERFACES = 1_024;

/** Reads `iw dev`. Interfaces without a name (P2P devices) are left out. */
export function parseIwDev(text: string): ListedInterface[] {
  const found: ListedInterface[] = [];
  let phyIndex: number | undefined;
  let name: string | undefined;
  for (const line of linesOf("iw dev", text)) {
    const heading = /^phy#(\d{1,4})$/.exec(line)?.[1];
    if (heading !== undefined) {
      phyIndex = Number(heading);
      name = undefined;
    }
    const interfaceName = /^Interface (\S{1,15})$/.exec(line)?.[1];
    if (interfaceName !== undefined) name = interfaceName;
    if (line === "Unnamed/non-netdev interface") name = undefined;
    const type = interfaceType(/^type (.{1,20})$/.exec(line)?.[1] ?? "");
    if (type === undefined || phyIndex === undefined || name === undefined) continue;
    if (found.length < MAX_INTERFACES) found.push({ phyIndex, name, type });
    name = undefined;
  }
  return found;
}
