export { type BootClock, systemBootClock } from "./airtime/index.ts";
export {
  type Admission,
  type AirOutlook,
  type Arrived,
  addressText,
  type Link,
  type LinkAddress,
  type LinkMessage,
  linkAddressOf,
  MAX_MESSAGE_BYTES,
  type MessageCode,
  parseAddress,
} from "./link/index.ts";
export { textCode } from "./link/text/index.ts";
export { LoraPart, type LoraPartOptions } from "./lora-part.ts";
export type { CaseStatus, LoraStatus } from "./lora-status.ts";
export { LoraTexts, type LoraView, type TextAdmission, type TextToSend } from "./lora-texts.ts";
export { BUNDLE_PAYLOAD, MESH_PAYLOAD } from "./payload-kind.ts";
export { PRIORITIES, type Priority } from "./priority.ts";
export type { Fate, RadioClock } from "./radio.ts";
export { listUsbLines } from "./usb-lines.ts";
