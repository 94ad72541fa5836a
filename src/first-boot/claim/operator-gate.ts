import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { secureHeaders } from "hono/secure-headers";
import {
  claimPage,
  OPERATOR_FIELDS,
  OPERATOR_STYLE,
  operatorPage,
  type Said,
  signInPage,
} from "../../../portal/console/operator-page.tsx";
import { FormTokens } from "../../portal/form-token.ts";
import { ExportError } from "../export/sealed-export.ts";
import type { Entry, OperatorDesk } from "./operator-desk.ts";

const COOKIE = "omerta_operator";
/** Browsers forget it after a month; the box when sixteen others have signed in since. */
const COOKIE_SECONDS = 30 * 86_400;
const MAX_FORM_BYTES = 4_096;
const STYLE_HASH = `'sha256-${new Bun.CryptoHasher("sha256").update(OPERATOR_STYLE).digest("base64")}'`;

/** What comes with a request: the address that sent it. */
interface Sent {
  Bindings: { source: string };
}

/** What the operator alone may do, where the box can. */
export interface OperatorDeeds {
  /** All that the box keeps, sealed. @throws {ExportError} when the passphrase is too short */
  exportAll?: (passphrase: string) => Promise<ReadableStream<Uint8Array>>;
  /** Has the box forget everything soon. */
  reset?: () => void;
}

/** What lies behind the gate: the operator's page. */
type Behind = (request: Request) => Response | Promise<Response>;

/**
 * Lets the operator through to the operator's page, and shows everybody else the form by which one becomes the operator,
 * or shows to be. The cookie is sent by no other site's forms or links (SameSite=Strict), scripts do not see it, and it is
 * not marked Secure: the page has no https.
 * @returns what answers a request from an address
 */
export function operatorGate(
  desk: OperatorDesk,
  boxName: string,
  behind: Behind,
  { exportAll, reset }: OperatorDeeds = {},
): (request: Request, source: string) => Response | Promise<Response> {
  const tokens = new FormTokens();
  const app = new Hono<Sent>();
  const facts = (c: Context<Sent>, said?: Said) => ({ boxName, token: tokens.of(c.env.source), said });
  const door = (c: Context<Sent>, said?: Said) =>
    c.html(
      desk.claimCode === undefined ? signInPage(facts(c, said)) : claimPage(facts(c, said)),
      said === undefined ? 200 : said === "slow" ? 429 : 403,
    );
  const isOperator = (c: Context<Sent>) => desk.isSession(getCookie(c, COOKIE) ?? "");
  const letIn = (c: Context<Sent>, entry: Entry, otherwise: (said: Said) => Response | Promise<Response>) => {
    if ("refused" in entry) return otherwise(entry.refused);
    setCookie(c, COOKIE, entry.session, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      maxAge: COOKIE_SECONDS,
    });
    return c.redirect("/", 303);
  };

  const own = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: [STYLE_HASH],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    strictTransportSecurity: false,
  });
  const form = bodyLimit({ maxSize: MAX_FORM_BYTES });
  for (const path of ["/claim", "/sign-in", "/sign-out", "/operator", "/operator/*"])
    app.use(path, own, form);

  app.get("/claim", (c) => (isOperator(c) ? c.redirect("/", 303) : door(c)));
  app.get("/sign-in", (c) => (isOperator(c) ? c.redirect("/", 303) : door(c)));
  app.post("/claim", async (c) => {
    const { code = "", password = "", token = "" } = await fieldsOf(c.req.raw);
    if (!tokens.matches(c.env.source, token)) return door(c, "stale");
    return letIn(c, await desk.claim(code, password, c.env.source), (said) => door(c, said));
  });
  app.post("/sign-in", async (c) => {
    const { password = "", token = "" } = await fieldsOf(c.req.raw);
    if (!tokens.matches(c.env.source, token)) return door(c, "stale");
    return letIn(c, await desk.signIn(password, c.env.source), (said) => door(c, said));
  });
  const operators = (c: Context<Sent>, said?: Said) =>
    c.html(
      operatorPage({ ...facts(c, said), canReset: reset !== undefined }),
      said === undefined || said === "resetting" ? 200 : said === "slow" ? 429 : 403,
    );
  app.get("/operator", (c) => (isOperator(c) ? operators(c) : door(c)));
  app.post("/operator/export", async (c) => {
    if (!isOperator(c)) return door(c);
    const { passphrase = "", token = "" } = await fieldsOf(c.req.raw);
    if (!tokens.matches(c.env.source, token)) return operators(c, "stale");
    if (exportAll === undefined) return c.notFound();
    try {
      return c.body(await exportAll(passphrase), 200, {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": 'attachment; filename="omerta-export.age"',
        "Cache-Control": "no-store",
      });
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      return operators(c, "short");
    }
  });
  app.post("/operator/reset", async (c) => {
    if (!isOperator(c)) return door(c);
    const { password = "", token = "" } = await fieldsOf(c.req.raw);
    if (!tokens.matches(c.env.source, token)) return operators(c, "stale");
    if (reset === undefined) return c.notFound();
    const entry = await desk.signIn(password, c.env.source);
    if ("refused" in entry) return operators(c, entry.refused);
    reset();
    return operators(c, "resetting");
  });
  app.post("/operator/password", async (c) => {
    if (!isOperator(c)) return door(c);
    const { password = "", next = "", token = "" } = await fieldsOf(c.req.raw);
    if (!tokens.matches(c.env.source, token)) return operators(c, "stale");
    const entry = await desk.changePassword(password, next, c.env.source);
    return letIn(c, entry, (said) => operators(c, said));
  });
  app.post("/sign-out", async (c) => {
    const { token = "" } = await fieldsOf(c.req.raw);
    if (isOperator(c) && !tokens.matches(c.env.source, token)) return operators(c, "stale");
    desk.signOut(getCookie(c, COOKIE) ?? "");
    deleteCookie(c, COOKIE, { path: "/" });
    return c.redirect("/sign-in", 303);
  });
  app.all("*", (c) => {
    if (isOperator(c)) return behind(c.req.raw);
    // Programs are told in their own way.
    if (c.req.path.startsWith("/api/")) return c.json({ error: "only the operator may ask this" }, 401);
    return c.redirect(desk.claimCode === undefined ? "/sign-in" : "/claim", 303);
  });
  return (request, source) => app.fetch(request, { source });
}

type Fields = { [name in keyof typeof OPERATOR_FIELDS]?: string };

async function fieldsOf(request: Request): Promise<Fields> {
  const type = request.headers.get("content-type") ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded")) return {};
  const sent = new URLSearchParams(await request.text());
  return Object.fromEntries(
    Object.entries(OPERATOR_FIELDS).map(([key, name]) => [key, sent.get(name) ?? ""]),
  );
}
