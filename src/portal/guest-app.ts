import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { renderSVG } from "uqr";
import { z } from "zod";
import {
  leavePage,
  leftPage,
  onPage,
  type PageContext,
  type ProblemKey,
  problemPage,
  refreshPage,
  risksPage,
  welcomePage,
} from "../../portal/guest/pages.tsx";
import { guestStyle } from "../../portal/guest/style.ts";
import { durationText } from "../../portal/guest/words.ts";
import { type Language, languageOf, negotiateLanguage } from "../../portal/locales/index.ts";
import {
  answerProbe,
  CAPPORT_TYPE,
  capportAnswer,
  type GuestView,
  recogniseProbe,
} from "../gateway/index.ts";
import type { PortalFacts } from "./desk-api.ts";
import { type DeskClient, DeskError } from "./desk-client.ts";
import { FormTokens } from "./form-token.ts";
import type { GuestDirectory } from "./guest-directory.ts";
import { PageCache } from "./page-cache.ts";

/** What the server knows of a connection, beside the request itself. */
export interface Peer {
  /** The guest's address as the kernel gave it; never from a header that a guest can write. */
  address: string;
  /** The guest came by TLS. */
  secure: boolean;
}

const MAX_FORM_BYTES = 4096;

const form = z.object({ token: z.string().max(64).default(""), lang: z.string().max(12).default("") });

/** Before the daemon has told anything: the least that a page needs. */
const STARTING: PortalFacts = {
  name: "Omerta Box",
  operator: "",
  contact: "",
  welcome: "",
  notices: [],
  accent: "#0b6b57",
  services: [],
  portalUrl: "",
  portalHosts: [],
  internet: false,
  toldOnline: false,
  guestToGuest: false,
  configBroken: false,
};

/** The guests' web server: probes, pages and the two forms. It decides nothing: it asks the desk. */
export function guestApp(directory: GuestDirectory, desk: Pick<DeskClient, "shown" | "agree" | "leave">) {
  const tokens = new FormTokens();
  const cache = new PageCache();
  const headersByAccent = new Map<string, Record<string, string>>();
  const qrByUrl = new Map<string, string>();

  const facts = () => directory.facts ?? STARTING;
  const hosts = new Map<PortalFacts, Set<string>>();
  const isOurHost = (host: string): boolean => {
    const known = facts();
    let set = hosts.get(known);
    if (!set) {
      hosts.clear();
      set = new Set(known.portalHosts);
      hosts.set(known, set);
    }
    return set.has(host);
  };

  const htmlHeaders = (accent: string) => {
    let headers = headersByAccent.get(accent);
    if (!headers) {
      const digest = new Bun.CryptoHasher("sha256").update(guestStyle(accent)).digest("base64");
      headers = { ...PAGE_HEADERS, "Content-Security-Policy": policy(digest) };
      headersByAccent.clear();
      headersByAccent.set(accent, headers);
    }
    return headers;
  };
  const html = (page: string, status = 200) =>
    new Response(page, { status, headers: htmlHeaders(facts().accent) });

  const context = (language: Language): PageContext => ({ facts: facts(), language });

  /** What a request that could not be answered gets. */
  const problem = (error: unknown, language: Language, retryUrl: string): Response => {
    if (!(error instanceof DeskError)) throw error;
    const key: ProblemKey =
      error.reason === "unknown-station"
        ? "problem.unknown"
        : error.reason === "full"
          ? "problem.full"
          : "problem.starting";
    return html(problemPage(context(language), key, retryUrl), 503);
  };

  const welcome = (address: string, language: Language, again = false): Response =>
    html(
      cache.page(`welcome ${language.code} ${again}`, directory.version, tokens.of(address), (token) =>
        welcomePage(context(language), token, again),
      ),
    );

  const on = (view: GuestView, language: Language): Response => {
    const { portalUrl } = facts();
    let qr = qrByUrl.get(portalUrl);
    if (qr === undefined) {
      qr = renderSVG(`${portalUrl}/`, { border: 4 }).replace(/fill="white"/g, 'fill="#fff"');
      qrByUrl.clear();
      qrByUrl.set(portalUrl, qr);
    }
    return html(onPage(context(language), durationText(language, view.secondsLeft), qr));
  };

  /** Says once that a page was shown, without making the guest wait for it. */
  const report = (address: string, view: GuestView): void => {
    const isFirst =
      view.state === "new" || view.state === "expired" || (view.state === "released" && view.armed);
    if (!isFirst) return;
    directory.remember(address, {
      ...view,
      armed: false,
      state: view.state === "released" ? "released" : "shown",
    });
    desk.shown(address).catch(() => directory.forget(address));
  };

  const app = new Hono<{ Bindings: Peer }>();

  app.use(async (c, next) => {
    const url = c.req.url;
    const path = c.req.path;
    const host = hostName(c.req.header("host"));
    const address = c.env.address;
    const probe = recogniseProbe(host, path);
    if (probe) {
      const known = directory.remembered(address) ?? (await directory.at(address).catch(() => undefined));
      const view = { state: "new" as const, armed: true, ...known, toldOnline: facts().toldOnline };
      const answer = answerProbe(probe, view);
      if (answer.kind === "online") {
        const { status, type, headers, body } = answer.answer;
        return new Response(status === 204 ? null : body, {
          status,
          headers: { ...NO_STORE, ...headers, ...(type ? { "Content-Type": type } : {}) },
        });
      }
      if (answer.kind === "offline") return new Response(null, { status: 503, headers: NO_STORE });
      if (answer.how === "refresh") {
        return html(
          refreshPage(context(negotiateLanguage(c.req.header("accept-language"))), `${facts().portalUrl}/`),
        );
      }
      return toPortal(facts());
    }
    if (!isOurHost(host) && facts().portalUrl !== "") return toPortal(facts());
    if (c.req.method !== "GET" && c.req.method !== "HEAD" && isCrossSite(c.req.raw.headers, isOurHost)) {
      return welcome(address, languageFor(url, c.req.header("accept-language")), true);
    }
    return next();
  });

  app.get("/", async (c) => {
    const language = languageFor(c.req.url, c.req.header("accept-language"));
    const { address } = c.env;
    try {
      const view = directory.remembered(address) ?? (await directory.at(address));
      report(address, view);
      return view.state === "released" ? on(view, language) : welcome(address, language);
    } catch (error) {
      return problem(error, language, `/?lang=${language.code}`);
    }
  });

  app.get("/risks", (c) => {
    const language = languageFor(c.req.url, c.req.header("accept-language"));
    return html(
      cache.page(`risks ${language.code}`, directory.version, "", () => risksPage(context(language))),
    );
  });

  app.get("/on", async (c) => {
    const language = languageFor(c.req.url, c.req.header("accept-language"));
    try {
      const view = await directory.at(c.env.address);
      if (view.state !== "released") return seeOther(`/?lang=${language.code}`);
      report(c.env.address, view);
      return on(view, language);
    } catch (error) {
      return problem(error, language, `/on?lang=${language.code}`);
    }
  });

  app.get("/leave", (c) => {
    const language = languageFor(c.req.url, c.req.header("accept-language"));
    return html(leavePage(context(language), tokens.of(c.env.address)));
  });

  const limited = bodyLimit({ maxSize: MAX_FORM_BYTES, onError: () => new Response(null, { status: 413 }) });

  app.post("/agree", limited, async (c) => {
    const { token, language } = await readForm(c.req.raw);
    const { address } = c.env;
    if (!tokens.matches(address, token)) return welcome(address, language, true);
    try {
      directory.remember(address, await desk.agree(address, language.code));
      return seeOther(`/on?lang=${language.code}`);
    } catch (error) {
      return problem(error, language, `/?lang=${language.code}`);
    }
  });

  app.post("/leave", limited, async (c) => {
    const { token, language } = await readForm(c.req.raw);
    const { address } = c.env;
    if (!tokens.matches(address, token)) return html(leavePage(context(language), tokens.of(address)));
    try {
      directory.remember(address, await desk.leave(address));
      return html(leftPage(context(language)));
    } catch (error) {
      return problem(error, language, `/?lang=${language.code}`);
    }
  });

  app.get("/captive-portal", async (c) => {
    const { tlsHost } = facts();
    if (!c.env.secure || tlsHost === undefined) return seeOther("/");
    try {
      const answer = capportAnswer(await directory.at(c.env.address), `https://${tlsHost}/`);
      return c.body(JSON.stringify(answer), 200, {
        "Content-Type": CAPPORT_TYPE,
        "Cache-Control": "private, no-store",
      });
    } catch (error) {
      if (!(error instanceof DeskError)) throw error;
      return c.body(null, 503, NO_STORE);
    }
  });

  app.notFound((c) =>
    c.req.method === "GET" || c.req.method === "HEAD"
      ? seeOther("/")
      : new Response(null, { status: 404, headers: NO_STORE }),
  );
  app.onError(() => new Response(null, { status: 500, headers: NO_STORE }));
  return app;
}

const NO_STORE = { "Cache-Control": "no-store" };

const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

function policy(styleDigest: string): string {
  return `default-src 'none';style-src 'sha256-${styleDigest}';form-action 'self';base-uri 'none';frame-ancestors 'none'`;
}

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location, ...NO_STORE } });
}

/** Where a request for any other site ends: a redirect that a probe understands (RFC 9110 section 15.4.3). */
function toPortal({ portalUrl }: PortalFacts): Response {
  return new Response(null, { status: 302, headers: { Location: `${portalUrl}/`, ...NO_STORE } });
}

/** The host of a Host header, without its port, in lower case. */
function hostName(header: string | undefined): string {
  return (header ?? "").toLowerCase().replace(/:\d+$/, "");
}

/** A post that a browser says comes from another site (Fetch Metadata, RFC 6454). Old browsers say nothing: the token decides. */
function isCrossSite(headers: Headers, isOurHost: (host: string) => boolean): boolean {
  if (headers.get("sec-fetch-site") === "cross-site") return true;
  const origin = headers.get("origin");
  return origin !== null && origin !== "null" && !isOurHost(hostName(origin.replace(/^https?:\/\//, "")));
}

function languageFor(url: string, acceptLanguage: string | undefined): Language {
  const chosen = /[?&]lang=([a-z-]{2,12})/.exec(url)?.[1];
  return (chosen === undefined ? undefined : languageOf(chosen)) ?? negotiateLanguage(acceptLanguage);
}

async function readForm(request: Request): Promise<{ token: string; language: Language }> {
  const acceptLanguage = request.headers.get("accept-language") ?? undefined;
  const type = request.headers.get("content-type") ?? "";
  const text = type.startsWith("application/x-www-form-urlencoded") ? await request.text() : "";
  const fields = form.safeParse(Object.fromEntries(new URLSearchParams(text)));
  const { token, lang } = fields.success ? fields.data : { token: "", lang: "" };
  return { token, language: languageOf(lang) ?? negotiateLanguage(acceptLanguage) };
}
