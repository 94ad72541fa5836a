export { NOTICE_LEVELS, type NoticeLevel } from "./bundle/bodies.ts";
export { SQUARE } from "./bundle/bundle.ts";
export type * from "./desk/guest-messages.ts";
export type * from "./desk/operator-messages.ts";
