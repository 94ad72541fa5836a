export type { ConfProblem, Ssid } from "../hostap-syntax/index.ts";
export { macListFile } from "./acl-lines.ts";
export {
  HT_CAPABILITIES,
  type HtCapability,
  VHT_CAPABILITIES,
  type VhtCapability,
} from "./capabilities.ts";
export {
  centreOf,
  hasRadar,
  type OperatingChannel,
  primaryFrequencyMhz,
  secondaryOf,
  type WidthMhz,
} from "./channel.ts";
export { generateHostapdConf, validateHostapdOptions } from "./generate.ts";
export { HostapdConfError } from "./hostapd-conf-error.ts";
export type {
  AccessList,
  BssOptions,
  HeOptions,
  HostapdOptions,
  HtOptions,
  Interworking,
  OweTransition,
  RadioOptions,
  SaeOptions,
  Security,
  VhtOptions,
} from "./options.ts";
export { parseHostapdConf } from "./parse.ts";
