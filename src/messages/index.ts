export {
  CHECK_IN_STATES,
  type CheckInBody,
  type CheckInState,
  type Coordinates,
  NOTICE_LEVELS,
  type NoticeLevel,
  type Place,
  type PostBody,
  type SosBody,
} from "./bundle/bodies.ts";
export {
  MAX_CONTACT_CHARS,
  MAX_NAME_CHARS,
  MAX_PEOPLE,
  MAX_PLACE_CHARS,
  MAX_REASON_CHARS,
  MAX_TEXT_CHARS,
} from "./bundle/body-codec.ts";
export { tidyLine, tidyLines, tidyName } from "./bundle/body-text.ts";
export { type BundleId, type Kind, MAX_BUNDLE_BYTES, MAX_ROOM_CHARS, SQUARE } from "./bundle/bundle.ts";
export type * from "./desk/guest-messages.ts";
export { MAX_PAGE_ITEMS, PAGE_ITEMS } from "./desk/guest-messages.ts";
export type * from "./desk/operator-messages.ts";
export { plainDigits } from "./desk/plain-digits.ts";
export { tidyWithdrawalCode } from "./desk/withdrawal-code.ts";
export { SOLUTION_CHARS } from "./desk/work-challenges.ts";
export { MessagesPart, type MessagesPartOptions } from "./messages-part.ts";
