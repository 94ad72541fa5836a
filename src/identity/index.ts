export { type DeviceKey, openDeviceKey } from "./device-key.ts";
