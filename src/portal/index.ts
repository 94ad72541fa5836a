export { CONTROL_SOCKET, ConsolePart, splitListen, type TextRequest } from "./console-part.ts";
export type { PortalFacts } from "./desk-api.ts";
export type { MessagesRequest } from "./operator-messages-api.ts";
export { portalFacts } from "./portal-facts.ts";
export { PortalPart } from "./portal-part.ts";
export { serveGuests } from "./serve-guests.ts";
export type { BoxStatus } from "./status.ts";
export { serveTlsFront, tlsMaterial } from "./tls-front.ts";
