import { type Language, languageOf, negotiateLanguage } from "../../portal/locales/index.ts";
import { answerProbe, recogniseProbe } from "../gateway/index.ts";
import { empty, NO_STORE, toPortal } from "./answers.ts";
import type { GuestDirectory } from "./guest-directory.ts";
import type { GuestPages } from "./guest-pages.ts";

/** What the server knows of a connection, beside the request itself. */
export interface Peer {
  /** The guest's address as the kernel gave it; never from a header that a guest can write. */
  address: string;
  /** The guest came by TLS. */
  secure: boolean;
}

type Probe = NonNullable<ReturnType<typeof recogniseProbe>>;

/**
 * Looks at every request before the portal's own routes do: probes of the phones' own software, requests for any other
 * site that the firewall has led here, and forms that come from one.
 * @returns undefined where the request is for the portal itself
 */
export function frontDoor(
  request: Request,
  path: string,
  peer: Peer,
  directory: GuestDirectory,
  pages: GuestPages,
): Response | Promise<Response> | undefined {
  const host = hostName(request.headers.get("host"));
  const probe = recogniseProbe(host, path);
  if (probe) return answerTo(probe, request, peer, directory, pages);
  if (!pages.isOurHost(host) && pages.facts.portalUrl !== "") return toPortal(pages.facts);
  const changes = request.method !== "GET" && request.method !== "HEAD";
  if (changes && isCrossSite(request.headers, pages)) {
    return pages.welcome(peer.address, languageFor(request), true);
  }
  return undefined;
}

async function answerTo(
  probe: Probe,
  request: Request,
  { address }: Peer,
  directory: GuestDirectory,
  pages: GuestPages,
): Promise<Response> {
  const known = await directory.at(address).catch(() => undefined);
  const { toldOnline } = pages.facts;
  const answer = answerProbe(probe, { state: "new", armed: true, ...known, toldOnline });
  if (answer.kind === "online") {
    const { status, type, headers, body } = answer.answer;
    return new Response(status === 204 ? null : body, {
      status,
      headers: { ...NO_STORE, ...headers, ...(type ? { "Content-Type": type } : {}) },
    });
  }
  if (answer.kind === "offline") return empty(503);
  return answer.how === "refresh" ? pages.refresh(languageFor(request)) : toPortal(pages.facts);
}

/** The language that was chosen by a tap, or the one that the browser prefers. */
export function languageFor(request: Request): Language {
  const chosen = /[?&]lang=([a-z-]{2,12})/.exec(request.url)?.[1];
  const language = chosen === undefined ? undefined : languageOf(chosen);
  return language ?? negotiateLanguage(request.headers.get("accept-language") ?? undefined);
}

/** The host of a Host header, without its port, in lower case. */
function hostName(header: string | null): string {
  return (header ?? "").toLowerCase().replace(/:\d+$/, "");
}

/** A post that a browser says comes from another site (Fetch Metadata, RFC 6454). Old browsers say nothing: the token decides. */
function isCrossSite(headers: Headers, pages: GuestPages): boolean {
  if (headers.get("sec-fetch-site") === "cross-site") return true;
  const origin = headers.get("origin");
  return (
    origin !== null && origin !== "null" && !pages.isOurHost(hostName(origin.replace(/^https?:\/\//, "")))
  );
}
