import { zValidator } from "@hono/zod-validator";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { GuestError } from "../gateway/index.ts";
import type { Logger } from "../host/log.ts";
import {
  CHECK_IN_STATES,
  type GuestMessages,
  MAX_CONTACT_CHARS,
  MAX_NAME_CHARS,
  MAX_PAGE_ITEMS,
  MAX_PEOPLE,
  MAX_PLACE_CHARS,
  MAX_REASON_CHARS,
  MAX_ROOM_CHARS,
  MAX_TEXT_CHARS,
  type NotSent,
  SOLUTION_CHARS,
  type Writer,
} from "../messages/index.ts";

/** Why the daemon did not do what the portal asked for a guest. */
export interface NotTaken {
  refused:
    | NotSent["refused"]
    /** The guest has not agreed to the risks yet. */
    | "consent"
    /** Nobody knows whose the guest's address is. */
    | "unknown-station";
  /** Of `form`: what is wrong, with the field's name before a colon; may be empty. */
  detail: string;
  /** See `NotSent.work`. */
  work?: string;
}

/** The device at a guest's address. */
export interface GuestDevice {
  /** Its MAC address. */
  station: string;
  /** Its owner has agreed to the risks. */
  agreed: boolean;
}

/** The longest text of 1,000 signs in JSON, and what goes with it. */
const MAX_REQUEST_BYTES = 16_384;
const MAX_URI_UNITS = 262;

/** @param most characters, as Unicode's code points */
const text = (most: number) =>
  z
    .string()
    .max(2 * most)
    .refine((value) => [...value].length <= most, `at most ${most} characters`);

const place = z.strictObject({
  words: text(MAX_PLACE_CHARS),
  at: z
    .strictObject({
      latitudeE6: z.int().min(-90_000_000).max(90_000_000),
      longitudeE6: z.int().min(-180_000_000).max(180_000_000),
    })
    .optional(),
});

const bundleId = z.string().regex(/^[0-9a-f]{24}$/);
const code = text(64);

const sos = z.strictObject({
  text: text(MAX_TEXT_CHARS).min(1),
  name: text(MAX_NAME_CHARS),
  place,
  people: z.int().min(0).max(MAX_PEOPLE),
  injured: z.int().min(0).max(MAX_PEOPLE),
  batteryPercent: z.int().min(0).max(100).optional(),
  contact: text(MAX_CONTACT_CHARS),
});

const checkIn = z.strictObject({
  name: text(MAX_NAME_CHARS).min(1),
  state: z.enum(CHECK_IN_STATES),
  text: text(MAX_TEXT_CHARS),
  place,
  tell: z
    .string()
    .max(MAX_URI_UNITS)
    .regex(/^$|^(mailto|tel):./),
});

const post = z.strictObject({
  room: text(MAX_ROOM_CHARS).min(1),
  name: text(MAX_NAME_CHARS),
  text: text(MAX_TEXT_CHARS).min(1),
  replyTo: bundleId.optional(),
});

const report = z.strictObject({ id: bundleId, reason: text(MAX_REASON_CHARS) });

export type SosRequest = z.output<typeof sos>;
export type CheckInRequest = z.output<typeof checkIn>;
export type PostRequest = z.output<typeof post>;

/** The solution of a challenge; what is none is looked at no further. */
export const work = z.string().max(SOLUTION_CHARS).optional();

/** Whose form it is, and which: the same one sent twice is taken once. */
const from = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()]),
  form: z
    .string()
    .regex(/^[\w-]{0,64}$/)
    .default(""),
  work,
});
const before = text(128).optional();
const most = z.coerce.number().int().min(1).max(MAX_PAGE_ITEMS).optional();

const named = <T extends "query" | "json", S extends z.ZodType>(target: T, schema: S) =>
  zValidator(target, schema, (result, c) => {
    if (result.success) return;
    const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    return c.json({ refused: "form", detail: problems.join("; ") } satisfies NotTaken, 400);
  });

/**
 * The part of the desk by which the portal's process hands on what guests without a key write, and reads what everybody may
 * read. What is refused is an answer like any other: {@link NotTaken}.
 * @param deviceAt whose an address is. @throws {GuestError}
 */
export function deskMessagesApi(
  messages: GuestMessages,
  deviceAt: (address: string) => Promise<GuestDevice>,
  log: Logger,
) {
  const writer = async (query: z.output<typeof from>, needsConsent: boolean): Promise<Writer | NotTaken> => {
    const { station, agreed } = await deviceAt(query.address);
    if (needsConsent && !agreed) return { refused: "consent", detail: "" };
    return { station, form: query.form, ...(query.work === undefined ? {} : { work: query.work }) };
  };
  /** Does for a guest what may be done for them. */
  const as = async <T extends object>(
    c: Context,
    query: z.output<typeof from>,
    needsConsent: boolean,
    act: (writer: Writer) => T | Promise<T>,
  ) => {
    const who = await writer(query, needsConsent);
    return c.json("refused" in who ? who : await act(who), 200);
  };
  const guest = named("query", from);
  return new Hono()
    .use(bodyLimit({ maxSize: MAX_REQUEST_BYTES }))
    .onError((error, c) => {
      if (error instanceof GuestError) return c.json({ refused: error.reason, detail: "" }, 200);
      log.error({ error }, `${c.req.method} ${c.req.path}`);
      return c.json({ error: "failed" as const }, 500);
    })
    .post("/sos", guest, named("json", sos), (c) => {
      const { batteryPercent, place, ...rest } = c.req.valid("json");
      const battery = batteryPercent === undefined ? {} : { batteryPercent };
      const body = { ...rest, place: placeOf(place), ...battery };
      // Nobody has to agree to anything before they call for help.
      return as(c, c.req.valid("query"), false, (who) => messages.sos(who, body));
    })
    .post("/check-in", guest, named("json", checkIn), (c) => {
      const { place, ...rest } = c.req.valid("json");
      const body = { ...rest, place: placeOf(place) };
      return as(c, c.req.valid("query"), true, (who) => messages.checkIn(who, body));
    })
    .post("/post", guest, named("json", post), (c) => {
      const { room, replyTo, ...rest } = c.req.valid("json");
      const body = replyTo === undefined ? rest : { ...rest, replyTo };
      return as(c, c.req.valid("query"), true, (who) => messages.post(who, room, body));
    })
    .post("/report", guest, named("json", report), (c) => {
      const { id, reason } = c.req.valid("json");
      return as(c, c.req.valid("query"), true, (who) => messages.report(who, id, reason));
    })
    .post("/withdraw", guest, named("json", z.strictObject({ code })), (c) => {
      const { code } = c.req.valid("json");
      return as(c, c.req.valid("query"), false, (who) => messages.withdraw(who, code));
    })
    .post("/delivery", guest, named("json", z.strictObject({ code })), (c) => {
      const { code } = c.req.valid("json");
      return as(c, c.req.valid("query"), false, (who) => messages.delivery(who, code));
    })
    .get(
      "/posts",
      named("query", z.strictObject({ room: text(MAX_ROOM_CHARS).min(1), before, most })),
      (c) => {
        const { room, before, most } = c.req.valid("query");
        return c.json(messages.posts(room, before, most), 200);
      },
    )
    .get("/check-ins", named("query", z.strictObject({ name: text(MAX_NAME_CHARS), before, most })), (c) => {
      const { name, before, most } = c.req.valid("query");
      return c.json(messages.checkIns(name, before, most), 200);
    })
    .get("/rooms", (c) => c.json(messages.rooms(), 200))
    .get("/notices", (c) => c.json(messages.notices(), 200));
}

/** zod says `undefined` where nothing is given; a place has the key or has it not. */
function placeOf({ words, at }: z.output<typeof place>) {
  return at === undefined ? { words } : { words, at };
}

export type DeskMessagesApi = ReturnType<typeof deskMessagesApi>;
