export type { MeshInterface, MeshInterfaces } from "./mesh-interfaces.ts";
export { meshPassword } from "./mesh-password.ts";
export { WifiPart, type WifiPartOptions } from "./wifi-part.ts";
export type { InterfaceView, RadioView, WifiView } from "./wifi-view.ts";
