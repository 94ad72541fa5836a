import type { RadioDriver } from "../driver.ts";
import { probeRylr998 } from "./probe.ts";
import { Rylr998Radio } from "./radio.ts";

/** REYAX RYLR998 (868/915 MHz) and RYLR498 (433/470 MHz), AT commands over serial. */
export const rylr998: RadioDriver = {
  firmware: "rylr998",
  baudRates: [115_200, 9_600, 57_600, 38_400, 19_200],
  settleMs: 100,
  probe: probeRylr998,
  create: (port, context) => new Rylr998Radio(port, context),
};
