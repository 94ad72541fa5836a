export { blockOf } from "./channel-widths.ts";
export { collectRadios } from "./collect-radios.ts";
export type { DeviceFacts } from "./device-facts.ts";
export { InventoryError } from "./inventory-error.ts";
export { parseIwDev } from "./iw-dev.ts";
export { countryOf, parseIwReg } from "./iw-reg.ts";
export { type KnownRadio, knownRadio, QUIRKS, type Quirk } from "./quirks.ts";
export { type RadioSources, readRadios } from "./read-radios.ts";
export { parseInventory, type RecordedInventory } from "./recorded-inventory.ts";
