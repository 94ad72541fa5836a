export { addressText, type LinkAddress, linkAddressOf, parseAddress } from "./address.ts";
export { MAX_LIFETIME_MS } from "./lifetime.ts";
export {
  type Admission,
  type AirOutlook,
  type Arrived,
  Link,
  type LinkMessage,
  MAX_MESSAGE_BYTES,
} from "./link.ts";
export type { MessageCode } from "./message-code.ts";
export type { Neighbour } from "./neighbours.ts";
export { SeenMessages } from "./seen-messages.ts";
