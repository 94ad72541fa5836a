export type { ConfProblem, Ssid } from "../hostap-syntax/index.ts";
export { generateWpaConf, validateWpaOptions } from "./generate.ts";
export type { MeshNetwork, Network, StationNetwork, StationSecurity, WpaOptions } from "./options.ts";
export { parseWpaConf } from "./parse.ts";
export { WpaConfError } from "./wpa-conf-error.ts";
