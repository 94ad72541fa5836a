import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { NEXT_PAGES, type NextPage } from "../../portal/guest/pages.tsx";
import { type Language, languageOf } from "../../portal/locales/index.ts";
import { CAPPORT_TYPE, capportAnswer, type GuestView } from "../gateway/index.ts";
import { empty, seeOther } from "./answers.ts";
import type { appRoutes } from "./app-routes.ts";
import type { demoRoutes } from "./demo-routes.ts";
import { type DeskClient, DeskError } from "./desk-client.ts";
import type { DeskMessages } from "./desk-messages-client.ts";
import { FormTokens } from "./form-token.ts";
import { frontDoor, languageFor, type Peer } from "./front-door.ts";
import type { GuestDirectory } from "./guest-directory.ts";
import { GuestPages } from "./guest-pages.ts";
import { MessagePages } from "./message-pages.ts";
import { messageRoutes } from "./message-routes.ts";
import { PublicBoard } from "./public-board.ts";

export type { Peer } from "./front-door.ts";

const MAX_FORM_BYTES = 4096;
/** What is answered with a page only while the portal can do its work. */
export const WELL_PATH = "/well";

const form = z.object({
  token: z.string().max(64).default(""),
  lang: z.string().max(12).default(""),
  next: z.enum(NEXT_PAGES).optional().catch(undefined),
  // Milliseconds since 1970, of this century and the next.
  now: z
    .string()
    .regex(/^[1-6]\d{12}$/)
    .transform(Number)
    .optional()
    .catch(undefined),
});

/**
 * The guests' web server: probes, pages and forms. It decides nothing: it asks the desk.
 * @param messages the way to the daemon's messages, for a box that has any
 * @param nowMs the monotonic clock
 * @param onePerson the page for messages to one person, and what it asks; see `appRoutes`
 * @param demo the page with a machine to try; see `demoRoutes`
 */
export function guestApp(
  directory: GuestDirectory,
  desk: Pick<DeskClient, "shown" | "agree" | "leave">,
  messages?: DeskMessages,
  nowMs: () => number = () => performance.now(),
  onePerson?: ReturnType<typeof appRoutes>,
  demo?: ReturnType<typeof demoRoutes>,
) {
  const tokens = new FormTokens();
  const board = messages && new PublicBoard(messages, nowMs);
  const pages = new GuestPages(directory, tokens, board, nowMs);
  if (board) {
    const changed = () => {
      if (pages.facts.messages) board.changed();
    };
    directory.onPublicChange(changed);
    changed();
  }

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

  const start = (address: string, view: GuestView, language: Language): Response => {
    report(address, view);
    return view.state === "released" ? pages.on(view, language) : pages.welcome(address, language);
  };

  const app = new Hono<{ Bindings: Peer }>();

  app.get("/", (c) => {
    const language = languageFor(c.req.raw);
    const { address } = c.env;
    const known = directory.remembered(address);
    // Nearly every page is one that needs no question: it is answered in this turn.
    if (known) return start(address, known, language);
    return directory.at(address).then(
      (view) => start(address, view, language),
      (error) => pages.problem(error, language, "/"),
    );
  });

  // For the box itself, which is no guest and has no address among theirs.
  app.get(WELL_PATH, (c) => (directory.hearsDaemon ? pages.risks(languageFor(c.req.raw)) : empty(503)));

  app.get("/risks", (c) => pages.risks(languageFor(c.req.raw)));

  app.get("/on", async (c) => {
    const language = languageFor(c.req.raw);
    try {
      const view = await directory.at(c.env.address);
      if (view.state !== "released") return seeOther(`/?lang=${language.code}`);
      report(c.env.address, view);
      return pages.on(view, language);
    } catch (error) {
      return pages.problem(error, language, "/on");
    }
  });

  app.get("/leave", (c) => pages.leave(c.env.address, languageFor(c.req.raw)));

  const limited = bodyLimit({ maxSize: MAX_FORM_BYTES, onError: () => empty(413) });

  app.post("/agree", limited, async (c) => {
    const { token, language, next, now } = await readForm(c.req.raw);
    const { address } = c.env;
    if (!tokens.matches(address, token)) return pages.welcome(address, language, true, next);
    try {
      directory.remember(address, await desk.agree(address, language.code, now));
      return seeOther(`/${next ?? "on"}?lang=${language.code}`);
    } catch (error) {
      return pages.problem(error, language, "/");
    }
  });

  app.post("/leave", limited, async (c) => {
    const { token, language } = await readForm(c.req.raw);
    const { address } = c.env;
    if (!tokens.matches(address, token)) return pages.leave(address, language);
    try {
      directory.remember(address, await desk.leave(address));
      return pages.left(language);
    } catch (error) {
      return pages.problem(error, language, "/");
    }
  });

  if (messages && board) {
    const visitor = async (address: string) => {
      const view = await directory.at(address);
      report(address, view);
      return view;
    };
    const own = new MessagePages(pages, board, tokens, nowMs);
    const deviceAt = (address: string) => directory.deviceAt(address);
    const common = { board, pages, tokens, visitor, deviceAt, nowMs };
    app.route("/", messageRoutes({ desk: messages, messages: own, ...common }));
  }
  if (onePerson) app.route("/", onePerson);
  if (demo) app.route("/", demo);

  app.get("/captive-portal", async (c) => {
    const { tlsHost } = pages.facts;
    if (!c.env.secure || tlsHost === undefined) return seeOther("/");
    try {
      const answer = capportAnswer(await directory.at(c.env.address), `https://${tlsHost}/`);
      return c.body(JSON.stringify(answer), 200, {
        "Content-Type": CAPPORT_TYPE,
        "Cache-Control": "private, no-store",
      });
    } catch (error) {
      if (!(error instanceof DeskError)) throw error;
      return empty(503);
    }
  });

  app.notFound((c) => (c.req.method === "GET" || c.req.method === "HEAD" ? seeOther("/") : empty(404)));
  app.onError(() => empty(500));

  return {
    fetch(request: Request, peer: Peer): Response | Promise<Response> {
      return frontDoor(request, pathOf(request.url), peer, directory, pages) ?? app.fetch(request, peer);
    },
  };
}

/** The path of an absolute URL without its query: nothing in it is decoded. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", start);
  return url.slice(start, query < 0 ? undefined : query);
}

interface Form {
  token: string;
  language: Language;
  next?: NextPage | undefined;
  /** What the phone's clock says, in ms since 1970. */
  now?: number | undefined;
}

async function readForm(request: Request): Promise<Form> {
  const type = request.headers.get("content-type") ?? "";
  const text = type.startsWith("application/x-www-form-urlencoded") ? await request.text() : "";
  const fields = form.safeParse(Object.fromEntries(new URLSearchParams(text)));
  const { token, lang, next, now } = fields.success ? fields.data : { token: "", lang: "" };
  return { token, language: languageOf(lang) ?? languageFor(request), next, now };
}
