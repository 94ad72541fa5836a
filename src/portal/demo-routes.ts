import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { demoPage } from "../../portal/guest/demo-page.tsx";
import { SourceLimiter } from "../host/source-limiter.ts";
import { empty, NO_STORE } from "./answers.ts";
import { type AskDesk, isOwnPost } from "./app-routes.ts";
import { type AppScript, scriptAnswer } from "./app-script.ts";
import type { PortalFacts } from "./desk-api.ts";
import { MAX_KEYS_BYTES } from "./desk-demo-api.ts";
import { languageFor, type Peer } from "./front-door.ts";

/** A machine is started in a moment where there is hardware for it. */
const TIMEOUT_MS = 40_000;
/** Somebody who types fast; the page sends what was typed meanwhile together. */
const ASKING = { burst: 60, perSecond: 15, totalPerSecond: 200, maxSources: 4_096 };

/**
 * The page with a machine to try, its script, and its console, which goes on to the daemon and back. What the daemon is told of the
 * visitor is the address that the kernel gave.
 * @param facts undefined while the box is starting
 * @param deviceAt under whose name is counted what an address asks for; see `GuestDirectory.deviceAt`
 */
export function demoRoutes(
  facts: () => PortalFacts | undefined,
  script: () => Promise<AppScript>,
  ask: AskDesk,
  nowMs: () => number,
  deviceAt: (address: string) => Promise<string>,
) {
  const asking = new SourceLimiter(ASKING, nowMs());
  const passedOn = async (c: Context<{ Bindings: Peer }>, init: RequestInit = {}) => {
    if (!asking.takes(await deviceAt(c.env.address), nowMs())) return empty(429);
    const query = new URLSearchParams({ address: c.env.address });
    const id = c.req.query("id");
    if (id !== undefined) query.set("id", id);
    try {
      const signal = init.signal ?? AbortSignal.timeout(TIMEOUT_MS);
      const answer = await ask(`${c.req.path}?${query}`, { ...init, signal });
      const type = answer.headers.get("content-type");
      return new Response(answer.body, {
        status: answer.status,
        headers: {
          "X-Content-Type-Options": "nosniff",
          ...NO_STORE,
          ...(type === null ? {} : { "Content-Type": type }),
        },
      });
    } catch {
      // The daemon is away for a moment: the page tries again.
      return empty(503);
    }
  };
  const limited = bodyLimit({ maxSize: MAX_KEYS_BYTES, onError: () => empty(413) });
  const post = (app: Hono<{ Bindings: Peer }>, path: string, type: string) =>
    app.post(path, limited, async (c) => {
      if (!isOwnPost(c.req.raw, type)) return empty(403);
      const headers = { "Content-Type": type };
      return passedOn(c, { method: "POST", body: await c.req.arrayBuffer(), headers });
    });

  const app = new Hono<{ Bindings: Peer }>();
  app.get("/demo", async (c) => {
    const known = facts();
    if (known?.demoMinutes === undefined) return empty(404);
    const { version } = await script();
    const page = demoPage({ facts: known, language: languageFor(c.req.raw) }, `/demo.js?v=${version}`);
    return new Response(page, { headers: PAGE_HEADERS });
  });
  app.get("/demo.js", async (c) => scriptAnswer(c.req.raw, await script()));
  app.get("/demo/events", (c) => passedOn(c, { signal: c.req.raw.signal }));
  post(app, "/demo/start", "application/json");
  post(app, "/demo/keys", "application/octet-stream");
  post(app, "/demo/leave", "application/octet-stream");
  return app;
}

/**
 * Of scripts only our own, from here. The terminal writes its style into the page by itself, so any style may be in it: there is
 * nothing in it that a guest or another box has written.
 */
const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Content-Security-Policy":
    "default-src 'none';script-src 'self';style-src 'unsafe-inline';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
};
