import type { PortalFacts } from "./desk-api.ts";

/** Guests' answers hold for one moment and one guest: nothing on the way may keep them. */
export const NO_STORE = { "Cache-Control": "no-store" };

/** An answer without a body. */
export const empty = (status: number): Response => new Response(null, { status, headers: NO_STORE });

/** After a form: the browser fetches the page that it leads to (RFC 9110 section 15.4.4). */
export function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location, ...NO_STORE } });
}

/** Where a request for any other site ends: a redirect that a probe understands (RFC 9110 section 15.4.3). */
export function toPortal({ portalUrl }: PortalFacts): Response {
  return new Response(null, { status: 302, headers: { Location: `${portalUrl}/`, ...NO_STORE } });
}
