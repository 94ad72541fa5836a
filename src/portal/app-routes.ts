import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { appPage, appStyle } from "../../portal/guest/app-page.tsx";
import type { PageContext } from "../../portal/guest/pages.tsx";
import { SourceLimiter } from "../host/source-limiter.ts";
import { MAX_BUNDLE_BYTES } from "../messages/index.ts";
import { empty, NO_STORE } from "./answers.ts";
import { type AppScript, scriptAnswer } from "./app-script.ts";
import type { PortalFacts } from "./desk-api.ts";
import { WRITE_TIMEOUT_MS } from "./desk-socket.ts";
import { languageFor, type Peer } from "./front-door.ts";

/** The way to the daemon: a path of the desk, and the answer as it came. */
export type AskDesk = (path: string, init?: RequestInit) => Promise<Response>;

/** A photo takes its time on a slow radio; an answer of the daemon's does not. */
const TIMEOUT_MS = 10_000;

const JSON_TYPE = "application/json";
/** What the daemon is asked for one guest. A page that gets much at once asks three times for each 50 messages. */
const ASKING = { burst: 60, perSecond: 4, totalPerSecond: 200, maxSources: 4_096 };

/** @param socket the daemon's for the portal */
export function deskAsker(socket: string): AskDesk {
  return (path, init) => fetch(`http://desk${path}`, { ...init, unix: socket });
}

/**
 * The page with JavaScript, its script, and what the script asks for, which goes on to the daemon: the portal's process understands
 * nothing of it. What the daemon is told of the guest is the address that the kernel gave.
 * @param facts undefined while the box is starting
 * @param deviceAt under whose name is counted what an address asks for; see `GuestDirectory.deviceAt`
 */
export function appRoutes(
  facts: () => PortalFacts | undefined,
  script: () => Promise<AppScript>,
  ask: AskDesk,
  nowMs: () => number,
  deviceAt: (address: string) => Promise<string>,
) {
  const asking = new SourceLimiter(ASKING, nowMs());
  /** @param names of the query's fields that go on */
  const passedOn = async (c: Context<{ Bindings: Peer }>, names: readonly string[], init?: RequestInit) => {
    const query = new URLSearchParams();
    for (const name of names) {
      const value = name === "address" ? c.env.address : c.req.query(name);
      if (value !== undefined) query.set(name, value);
    }
    try {
      const signal =
        init?.signal ?? AbortSignal.timeout(init?.method === "POST" ? WRITE_TIMEOUT_MS : TIMEOUT_MS);
      const answer = await ask(`${c.req.path}?${query}`, { ...init, signal });
      const type = answer.headers.get("content-type") ?? "application/json";
      return new Response(answer.body, {
        status: answer.status,
        headers: { "Content-Type": type, "X-Content-Type-Options": "nosniff", ...NO_STORE },
      });
    } catch {
      // The daemon is away for a moment: the page tries again.
      return empty(503);
    }
  };

  const app = new Hono<{ Bindings: Peer }>();
  const get = (path: string, names: readonly string[]) =>
    app.get(path, async (c) => {
      if (!asking.takes(await deviceAt(c.env.address), nowMs())) return empty(429);
      // A stream ends when the guest's browser goes.
      return passedOn(c, names, path === "/app/events" ? { signal: c.req.raw.signal } : undefined);
    });

  app.get("/app", async (c) => {
    const known = facts();
    if (known?.messages !== true) return empty(404);
    const context: PageContext = { facts: known, language: languageFor(c.req.raw) };
    const { version } = await script();
    return new Response(appPage(context, `/app.js?v=${version}`), { headers: pageHeaders(known.accent) });
  });

  app.get("/app.js", async (c) => scriptAnswer(c.req.raw, await script()));

  get("/app/challenge", []);
  get("/app/network", []);
  get("/app/inbox", ["address", "key", "proof", "after"]);
  get("/app/card", ["key"]);
  get("/app/people", ["name"]);
  get("/app/deliveries", ["ids"]);
  get("/app/events", ["address", "key", "proof", "after"]);
  const limited = bodyLimit({ maxSize: MAX_BUNDLE_BYTES, onError: () => empty(413) });
  app.post("/app/submit", limited, async (c) => {
    if (!isOwnPost(c.req.raw, "application/octet-stream")) return empty(403);
    return passedOn(c, ["address", "work"], { method: "POST", body: await c.req.arrayBuffer() });
  });
  for (const [path, names] of [
    ["/app/report", ["address", "work"]],
    ["/app/join", ["address"]],
    ["/app/take-along", ["address"]],
  ] as const) {
    app.post(path, limited, async (c) => {
      if (!isOwnPost(c.req.raw, JSON_TYPE)) return empty(403);
      return passedOn(c, names, {
        method: "POST",
        body: await c.req.arrayBuffer(),
        headers: { "Content-Type": JSON_TYPE },
      });
    });
  }
  return app;
}

/**
 * Whether a post is from this page. No form sends these types, and no other site's script without asking first, which is never
 * allowed here (Fetch, section 4.8). Sandboxed frames of any site say `Origin: null`: that is not ours either. Not all browsers name
 * an origin to the site itself.
 */
export function isOwnPost({ url, headers }: Request, type: string): boolean {
  const origin = headers.get("origin");
  const isOurs = origin === null || (URL.canParse(origin) && new URL(origin).host === new URL(url).host);
  return isOurs && (headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() === type;
}

/** Of scripts only our own, from here; no frames, no forms, nothing of any other site. Photos are shown from memory. */
function pageHeaders(accent: string): Headers {
  const digest = new Bun.CryptoHasher("sha256").update(appStyle(accent)).digest("base64");
  return new Headers({
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": `default-src 'none';script-src 'self';style-src 'sha256-${digest}';connect-src 'self';img-src blob: data:;base-uri 'none';form-action 'none';frame-ancestors 'none'`,
  });
}
