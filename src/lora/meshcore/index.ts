import type { RadioDriver } from "../driver.ts";
import { probeMeshCore } from "./probe.ts";
import { MeshCoreRadio } from "./radio.ts";

export { MeshCoreRadio } from "./radio.ts";

/** MeshCore companion radios over serial, protocol version 3 and later. */
export const meshcore: RadioDriver = {
  firmware: "meshcore",
  baudRates: [115_200],
  // The firmware starts in half a second where opening the line resets it.
  settleMs: 600,
  probe: probeMeshCore,
  create: (port, context) => new MeshCoreRadio(port, context),
};
