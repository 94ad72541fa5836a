import type { RadioDriver } from "../driver.ts";
import { probeE22 } from "./probe.ts";
import { E22Radio } from "./radio.ts";
import { LINE_BAUD } from "./registers.ts";

export { type E22Options, E22Radio } from "./radio.ts";
export { E22_400T22, E22_900T22, E22_900T30, FACTORY, type ModuleKind, type Registers } from "./registers.ts";

/**
 * EBYTE E22 modules with a serial line of their own (T22S, T30S and their USB adapters), which can be asked. One that
 * cannot is opened by making an {@link E22Radio} with `assumed`.
 */
export const e22: RadioDriver = {
  firmware: "e22",
  // In configuration mode it is 9600 whatever is set.
  baudRates: [LINE_BAUD],
  settleMs: 50,
  probe: probeE22,
  create: (port, context) => new E22Radio(port, context),
};
