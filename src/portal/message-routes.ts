import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Draft } from "../../portal/guest/messages/draft.ts";
import { WORK_SCRIPT } from "../../portal/guest/messages/fields.tsx";
import type { NextPage } from "../../portal/guest/pages.tsx";
import { type Language, languageOf, type TextKey } from "../../portal/locales/index.ts";
import type { GuestView } from "../gateway/index.ts";
import { SourceLimiter } from "../host/source-limiter.ts";
import {
  MAX_NAME_CHARS,
  MAX_ROOM_CHARS,
  SOLUTION_CHARS,
  SQUARE,
  tidyLine,
  tidyWithdrawalCode,
} from "../messages/index.ts";
import { empty, seeOther } from "./answers.ts";
import { DeskError } from "./desk-client.ts";
import {
  type DeskMessages,
  type FormSender,
  isRefusal,
  type Outcome,
  type Refusal,
} from "./desk-messages-client.ts";
import { FormFields } from "./form-fields.ts";
import type { FormTokens } from "./form-token.ts";
import { languageFor, type Peer } from "./front-door.ts";
import type { GuestPages } from "./guest-pages.ts";
import { readCheckIn, readPost, readReason, readSos } from "./message-forms.ts";
import type { MessagePages } from "./message-pages.ts";
import type { PublicBoard } from "./public-board.ts";
import { workScript } from "./work-script.ts";

export interface MessageRoutesOptions {
  desk: DeskMessages;
  board: PublicBoard;
  pages: GuestPages;
  messages: MessagePages;
  tokens: FormTokens;
  /** The guest at an address, who is shown a page. @throws {DeskError} */
  visitor: (address: string) => Promise<GuestView>;
  /** Under whose name is counted what an address asks for; see `GuestDirectory.deviceAt`. */
  deviceAt: (address: string) => Promise<string>;
  /** The monotonic clock. */
  nowMs: () => number;
}

type Ask = Context<{ Bindings: Peer }>;

/** 1,000 signs of three bytes, each written as `%E0`, and the other fields. */
const MAX_FORM_BYTES = 16_384;
const MAX_CURSOR_CHARS = 128;
/** What the daemon is asked for one guest alone: searches, and pages that few read. No hand turns pages faster. */
const LOOKING_UP = { burst: 20, perSecond: 1, totalPerSecond: 100, maxSources: 4_096 };
const script = (text: Uint8Array<ArrayBuffer>): Response =>
  new Response(text, {
    headers: {
      "Content-Type": "text/javascript; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
const PATHS = ["/sos", "/check-in", "/square", "/write", "/report", "/people", "/notices", "/mine"];

/** What a form is told when the daemon did not take it. */
const PROBLEMS: Readonly<Record<Refusal["refused"], TextKey>> = {
  form: "error.form",
  "slow-down": "error.slow",
  full: "error.full",
  quota: "error.quota",
  blocked: "error.blocked",
  unknown: "error.unknown",
  consent: "form.consent",
  "unknown-station": "problem.unknown",
  unreachable: "error.away",
};

/** A form as it came. */
interface Sent {
  language: Language;
  address: string;
  fields: FormFields;
  params: URLSearchParams;
  /** Tells the form from others; undefined where it is not from a page that this guest was given. */
  form: string | undefined;
  /** For the form, should it come back: the same form again, so that it is not taken twice. */
  token: string;
}

/** The guests' pages and forms of messages: nothing of them needs a script, a cookie or a key. */
export function messageRoutes(options: MessageRoutesOptions) {
  const { desk, board, pages, messages, tokens, visitor, deviceAt, nowMs } = options;
  const lookingUp = new SourceLimiter(LOOKING_UP, nowMs());
  const mayLookUp = async (c: Ask) => lookingUp.takes(await deviceAt(c.env.address), nowMs());

  /** Shows a page to a guest who has agreed, and asks all others to. */
  const afterConsent = async (
    c: Ask,
    next: NextPage,
    show: (address: string, language: Language) => Response | Promise<Response>,
  ): Promise<Response> => {
    const language = languageFor(c.req.raw);
    const { address } = c.env;
    try {
      const { state } = await visitor(address);
      const agreed = state === "released" || state === "consented";
      return agreed ? await show(address, language) : pages.welcome(address, language, false, next);
    } catch (error) {
      return pages.problem(error, language, `/${next}`);
    }
  };

  const read = async (c: Ask): Promise<Sent> => {
    const { address } = c.env;
    const type = c.req.header("content-type") ?? "";
    const isForm = type.startsWith("application/x-www-form-urlencoded");
    const params = new URLSearchParams(isForm ? await c.req.text() : "");
    const form = tokens.formOf(address, params.get("token") ?? "");
    return {
      language: languageOf((params.get("lang") ?? "").slice(0, 12)) ?? languageFor(c.req.raw),
      address,
      fields: new FormFields(params),
      params,
      form,
      token: form === undefined ? tokens.forForm(address) : tokens.again(address, form),
    };
  };

  /**
   * Hands a form to the daemon.
   * @returns the draft that comes back, where it was not taken
   */
  const send = async <T extends object>(
    { fields, params, address, form }: Sent,
    ask: (sender: FormSender) => Promise<Outcome<T>>,
  ): Promise<{ taken: T } | { again: Draft; refused?: Refusal["refused"] }> => {
    if (form === undefined) return { again: fields.draft("problem.again") };
    if (fields.hasFaults) return { again: fields.draft() };
    const outcome = await ask({ address, form, ...workOf(params) });
    if (isRefusal(outcome)) {
      const { refused } = outcome;
      const work = "work" in outcome ? outcome.work : undefined;
      return { again: fields.draft(PROBLEMS[refused], work), refused };
    }
    // Who has written something sees it, before the daemon has told that there is something new.
    board.changed();
    return { taken: outcome };
  };

  const mine = ({ language }: Sent, code: string) =>
    seeOther(`/mine?${new URLSearchParams({ lang: language.code, code })}`);
  const unreadable = (language: Language, path: string) =>
    pages.problem(new DeskError("unreachable"), language, path);
  const limited = bodyLimit({ maxSize: MAX_FORM_BYTES, onError: () => empty(413) });

  const app = new Hono<{ Bindings: Peer }>();
  for (const path of PATHS) {
    app.use(path, async (_, next) => (pages.facts.messages ? await next() : seeOther("/")));
  }

  app.get(WORK_SCRIPT, async () => script(await workScript()));

  app.get("/sos", (c) => messages.sos(c.env.address, languageFor(c.req.raw)));

  app.post("/sos", limited, async (c) => {
    const sent = await read(c);
    const body = readSos(sent.fields);
    const result = await send(sent, (sender) => desk.sos(sender, body));
    if ("taken" in result) return mine(sent, result.taken.code);
    return messages.sosAgain(sent.language, sent.token, result.again);
  });

  app.get("/check-in", (c) => afterConsent(c, "check-in", (at, language) => messages.checkIn(at, language)));

  app.post("/check-in", limited, async (c) => {
    const sent = await read(c);
    const body = readCheckIn(sent.fields);
    const result = await send(sent, (sender) => desk.checkIn(sender, body));
    if ("taken" in result) return mine(sent, result.taken.code);
    if (result.refused === "consent") return pages.welcome(sent.address, sent.language, false, "check-in");
    return messages.checkInAgain(sent.language, sent.token, result.again);
  });

  app.get("/square", async (c) => {
    const language = languageFor(c.req.raw);
    const room = roomOf(c.req.query("room"));
    const code = tidyWithdrawalCode(c.req.query("code") ?? "");
    const before = cursorOf(c);
    const isFirst = before === undefined && room === SQUARE && code === undefined;
    if (!isFirst && !(await mayLookUp(c))) return pages.tooMuch(language, "/square");
    const answer = await messages.square({ language, before }, room, code);
    if (!isRefusal(answer)) return answer;
    return answer.refused === "unreachable" || room === SQUARE
      ? unreadable(language, "/square")
      : seeOther(`/square?lang=${language.code}`);
  });

  app.get("/write", (c) => {
    const { room = "", reply = "" } = c.req.query();
    const isNew = reply === "" && roomOf(room) === SQUARE;
    // An answer makes no sense without what it answers: that is looked for again.
    return afterConsent(c, isNew ? "write" : "square", (address, language) =>
      messages.write(language, tokens.forForm(address), roomOf(room), idOf(reply)),
    );
  });

  app.post("/write", limited, async (c) => {
    const sent = await read(c);
    const { language } = sent;
    const room = roomOf(sent.params.get("room") ?? "");
    const reply = idOf(sent.params.get("reply") ?? "");
    const body = readPost(sent.fields, reply);
    const result = await send(sent, (sender) => desk.post(sender, room, body));
    if ("taken" in result) {
      const { code } = result.taken;
      return seeOther(`/square?${new URLSearchParams({ lang: language.code, room, code })}`);
    }
    if (result.refused === "consent") return pages.welcome(sent.address, language, false, "write");
    return messages.write(language, sent.token, room, reply, result.again);
  });

  app.get("/report", (c) =>
    afterConsent(c, "square", (address, language) => {
      const [id, room] = [idOf(c.req.query("id") ?? ""), roomOf(c.req.query("room"))];
      if (id === "") return seeOther(`/square?lang=${language.code}`);
      return messages.report(language, tokens.forForm(address), { id, room });
    }),
  );

  app.post("/report", limited, async (c) => {
    const sent = await read(c);
    const { language } = sent;
    const id = idOf(sent.params.get("id") ?? "");
    const room = roomOf(sent.params.get("room") ?? "");
    if (id === "") return seeOther(`/square?lang=${language.code}`);
    const reason = readReason(sent.fields);
    const result = await send(sent, (sender) => desk.report(sender, id, reason));
    if ("taken" in result || result.refused === "unknown")
      return messages.reported(language, room, !("taken" in result));
    if (result.refused === "consent") return pages.welcome(sent.address, language, false, "square");
    return messages.report(language, sent.token, { id, room }, result.again);
  });

  app.get("/people", async (c) => {
    const language = languageFor(c.req.raw);
    const query = firstChars(tidyLine((c.req.query("q") ?? "").slice(0, 4 * MAX_NAME_CHARS)), MAX_NAME_CHARS);
    const before = cursorOf(c);
    const isFirst = before === undefined && query === "";
    if (!isFirst && !(await mayLookUp(c))) return pages.tooMuch(language, "/people");
    const answer = await messages.people({ language, before }, query);
    return isRefusal(answer) ? unreadable(language, `/people?${new URLSearchParams({ q: query })}`) : answer;
  });

  app.get("/notices", (c) => messages.notices(languageFor(c.req.raw)));

  app.get("/mine", async (c) => {
    const language = languageFor(c.req.raw);
    const { address } = c.env;
    const typed = (c.req.query("code") ?? "").slice(0, 64);
    if (typed === "") return messages.code(language);
    const code = tidyWithdrawalCode(typed);
    const fields = new FormFields(new URLSearchParams({ code: typed }));
    fields.parsed({ name: "code", label: "mine.code" }, () => code, "error.code");
    if (code === undefined) return messages.code(language, fields.draft());
    const delivery = await desk.delivery(address, code);
    if (!isRefusal(delivery)) return messages.delivery(language, tokens.forForm(address), code, delivery);
    if (delivery.refused === "unreachable") return unreadable(language, `/mine?code=${code}`);
    return messages.code(language, fields.draft(PROBLEMS[delivery.refused]));
  });

  app.post("/mine", limited, async (c) => {
    const sent = await read(c);
    const { language, address } = sent;
    const code = tidyWithdrawalCode(sent.params.get("code") ?? "") ?? "";
    const result = await send(sent, () => desk.withdraw(address, code));
    if ("taken" in result) return messages.takenBack(language);
    // The code is in the form still: one more tap on a page that says what has become of it.
    if (result.refused === undefined && code !== "") return mine(sent, code);
    const fields = new FormFields(new URLSearchParams({ code }));
    fields.line({ name: "code", label: "mine.code" }, 64);
    return messages.code(language, fields.draft(result.again.problem));
  });

  return app;
}

/** What the page before this one ended with. */
function cursorOf(c: Ask): string | undefined {
  const before = c.req.query("before") ?? "";
  return before === "" || before.length > MAX_CURSOR_CHARS ? undefined : before;
}

/** What the page's script has worked out, where it has. */
function workOf(params: URLSearchParams): { work?: string } {
  const work = params.get("work") ?? "";
  return work === "" || work.length > SOLUTION_CHARS ? {} : { work };
}

/** A room by its name; the town square where there is none. */
function roomOf(asked: string | undefined): string {
  const room = tidyLine((asked ?? "").slice(0, 4 * MAX_ROOM_CHARS));
  return room === "" || [...room].length > MAX_ROOM_CHARS ? SQUARE : room;
}

/** The id of a bundle, or "". */
const idOf = (asked: string): string => (/^[0-9a-f]{24}$/.test(asked) ? asked : "");

const firstChars = (text: string, most: number): string => [...text].slice(0, most).join("").trim();
