export { ConfigError, type ConfigProblem, problemLine } from "./config-error.ts";
export { exampleConfig } from "./example.ts";
export { type LoadedConfig, loadConfig, parseConfig } from "./load.ts";
export type { MeshConfig } from "./mesh-schema.ts";
export type { MessagesConfig } from "./messages-schema.ts";
export { type Config, defaultConfig, type ServiceConfig } from "./schema.ts";
export type { TrafficConfig } from "./traffic-schema.ts";
export type { WaysConfig } from "./ways-schema.ts";
export type { WifiConfig } from "./wifi-schema.ts";
