import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { stream } from "hono/streaming";
import { z } from "zod";
import { GuestError } from "../gateway/index.ts";
import type { Logger } from "../host/log.ts";
import {
  type GuestMessages,
  MAX_BUNDLE_BYTES,
  MAX_NAME_CHARS,
  MAX_REASON_CHARS,
  type Writer,
} from "../messages/index.ts";
import { type GuestDevice, type NotTaken, work as solution } from "./desk-messages-api.ts";

/** A kept bundle for its recipient. Bytes are base64. */
export interface InboxItem {
  /** See `GuestMessages.inbox`. */
  order: number;
  bundle: string;
  ageS: number;
}

/** What a person's page asks a proof for, and the next challenge: every answer brings one. */
export interface Challenge {
  /** The box's key, as the proof must name it: base64. */
  box: string;
  challenge: string;
}

export interface InboxAnswer extends Challenge {
  items: InboxItem[];
}

export interface FoundPerson {
  key: string;
  name: string;
  /** Their card, signed. */
  bundle: string;
  /** What the network is called that vouches for them; "" where none does that this box belongs to. */
  vouchedBy: string;
}

/** What the network does for a person's key; `network` is "" where nobody becomes a person of one here. */
export interface NetworkOffer {
  network: string;
  needsInvite: boolean;
}

const MAX_IDS = 100;
/** Of an invite's link. */
const MAX_LINK_UNITS = 4_096;
/** A comment is sent so often, so that neither end takes the stream for dead (the portal closes after 10 s of silence). */
const ALIVE_EVERY_MS = 7_000;
const MAX_STREAMS_A_STATION = 3;
const MAX_STREAMS = 300;

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const base64 = (minBytes: number, maxBytes: number) =>
  z
    .string()
    .max(Math.ceil(maxBytes / 3) * 4)
    .regex(/^[A-Za-z0-9+/_-]*={0,2}$/)
    .transform((text) => new Uint8Array(Buffer.from(text, "base64")))
    .refine((bytes) => bytes.length >= minBytes && bytes.length <= maxBytes, "another length");

const address = z.union([z.ipv4(), z.ipv6()]);
const key = base64(32, 32);
/** Who writes, and the solution of a challenge. */
const writing = z.strictObject({ address, work: solution });
const bundleId = z.string().regex(/^[0-9a-f]{24}$/);
const inboxQuery = z.strictObject({
  address,
  key,
  proof: base64(1, 200),
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});
const ids = z
  .string()
  .max(MAX_IDS * 25)
  .transform((text) => (text === "" ? [] : text.split(",")))
  .pipe(z.array(bundleId).max(MAX_IDS));

const named = <T extends "query" | "json", S extends z.ZodType>(target: T, schema: S) =>
  zValidator(target, schema, (result, c) => {
    if (result.success) return;
    const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    return c.json({ refused: "form", detail: problems.join("; ") } satisfies NotTaken, 400);
  });

/**
 * The part of the desk for the page with a person's key: it takes in signed bundles, and gives out what is for the person, to whom
 * proves to be them. Bytes in queries and answers are base64.
 * @param deviceAt whose an address is. @throws {GuestError}
 */
export function deskAppApi(
  messages: GuestMessages,
  deviceAt: (address: string) => Promise<GuestDevice>,
  log: Logger,
) {
  const streams = new StreamCount();
  const challenge = (): Challenge => {
    const { box, challenge } = messages.inboxChallenge();
    return { box: toBase64(box), challenge: toBase64(challenge) };
  };
  const inbox = ({ key, proof, after }: z.output<typeof inboxQuery>): InboxAnswer | NotTaken => {
    const found = messages.inbox(key, proof, after);
    if ("refused" in found) return found;
    const items = found.map(({ order, encoded, ageS }) => ({ order, bundle: toBase64(encoded), ageS }));
    return { ...challenge(), items };
  };
  return new Hono()
    .use(bodyLimit({ maxSize: MAX_BUNDLE_BYTES }))
    .onError((error, c) => {
      if (error instanceof GuestError) return c.json({ refused: error.reason, detail: "" }, 200);
      log.error({ error }, `${c.req.method} ${c.req.path}`);
      return c.json({ error: "failed" as const }, 500);
    })
    .post("/submit", named("query", writing), async (c) => {
      const { address, work } = c.req.valid("query");
      const { station, agreed } = await deviceAt(address);
      if (!agreed) return c.json({ refused: "consent", detail: "" } satisfies NotTaken, 200);
      const bytes = new Uint8Array(await c.req.arrayBuffer());
      return c.json(await messages.submit(writer(station, work), bytes), 200);
    })
    .post(
      "/report",
      named("query", writing),
      named("json", z.strictObject({ id: bundleId, reason: z.string().max(2 * MAX_REASON_CHARS) })),
      async (c) => {
        const { address, work } = c.req.valid("query");
        const { station, agreed } = await deviceAt(address);
        if (!agreed) return c.json({ refused: "consent", detail: "" } satisfies NotTaken, 200);
        const { id, reason } = c.req.valid("json");
        return c.json(await messages.report(writer(station, work), id, reason), 200);
      },
    )
    .get("/network", (c) => {
      const offer: NetworkOffer = messages.joinOffer() ?? { network: "", needsInvite: false };
      return c.json(offer, 200);
    })
    .post(
      "/join",
      named("query", z.strictObject({ address })),
      named(
        "json",
        z.strictObject({
          key,
          name: z.string().max(2 * MAX_NAME_CHARS),
          invite: z.string().max(MAX_LINK_UNITS),
        }),
      ),
      async (c) => {
        const { station, agreed } = await deviceAt(c.req.valid("query").address);
        if (!agreed) return c.json({ refused: "consent", detail: "" } satisfies NotTaken, 200);
        const { key, name, invite } = c.req.valid("json");
        const joined = await messages.join({ station }, key, name, invite);
        return c.json("refused" in joined ? joined : { ...joined, chain: toBase64(joined.chain) }, 200);
      },
    )
    .post("/take-along", named("query", z.strictObject({ address })), async (c) => {
      const { station, agreed } = await deviceAt(c.req.valid("query").address);
      if (!agreed) return c.json({ refused: "consent", detail: "" } satisfies NotTaken, 200);
      return c.json(await messages.takeAlong({ station }), 200);
    })
    .get("/challenge", (c) => c.json(challenge(), 200))
    .get("/inbox", named("query", inboxQuery), (c) => c.json(inbox(c.req.valid("query")), 200))
    .get("/card", named("query", z.strictObject({ key })), (c) => {
      const card = messages.card(c.req.valid("query").key);
      const bundle = card === undefined ? "" : toBase64(card.encoded);
      return c.json({ bundle, vouchedBy: card?.vouchedBy ?? "" }, 200);
    })
    .get(
      "/people",
      named(
        "query",
        z.strictObject({
          name: z
            .string()
            .min(1)
            .max(2 * MAX_NAME_CHARS),
        }),
      ),
      (c) => {
        const found = messages.cards(c.req.valid("query").name);
        const people = found.map(
          ({ key, name, encoded, vouchedBy = "" }): FoundPerson => ({
            key: toBase64(key),
            name,
            bundle: toBase64(encoded),
            vouchedBy,
          }),
        );
        return c.json({ people }, 200);
      },
    )
    .get("/deliveries", named("query", z.strictObject({ ids })), (c) =>
      c.json({ deliveries: messages.deliveries(c.req.valid("query").ids) }, 200),
    )
    .get("/events", named("query", inboxQuery), async (c) => {
      const query = c.req.valid("query");
      const { station } = await deviceAt(query.address);
      const first = inbox(query);
      if ("refused" in first) return c.json(first, 403);
      if (!streams.open(station)) return c.json({ refused: "slow-down", detail: "" } satisfies NotTaken, 429);
      c.header("Content-Type", "text/event-stream");
      return stream(c, async (out) => {
        let isChanged = false;
        let wake = () => {};
        const end = messages.onChange(query.key, () => {
          isChanged = true;
          wake();
        });
        const timer = setInterval(() => wake(), ALIVE_EVERY_MS);
        out.onAbort(() => wake());
        try {
          await out.write(event("inbox", first));
          while (!out.aborted) {
            await new Promise<void>((resolve) => {
              wake = resolve;
              if (isChanged || out.aborted) resolve();
            });
            if (out.aborted) break;
            const text = isChanged ? event("changed", challenge()) : ":\n\n";
            isChanged = false;
            await out.write(text);
          }
        } finally {
          clearInterval(timer);
          end();
          streams.close(station);
        }
      });
    });
}

const writer = (station: string, work: string | undefined): Writer =>
  work === undefined ? { station } : { station, work };

/** As server-sent events are written (WHATWG HTML, section 9.2). */
const event = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** Streams cost memory as long as they are open: so many a device, and in all. */
class StreamCount {
  private readonly counts = new Map<string, number>();
  private all = 0;

  open(station: string): boolean {
    const count = this.counts.get(station) ?? 0;
    if (count >= MAX_STREAMS_A_STATION || this.all >= MAX_STREAMS) return false;
    this.counts.set(station, count + 1);
    this.all += 1;
    return true;
  }

  close(station: string): void {
    const count = (this.counts.get(station) ?? 1) - 1;
    if (count === 0) this.counts.delete(station);
    else this.counts.set(station, count);
    this.all -= 1;
  }
}

export type DeskAppApi = ReturnType<typeof deskAppApi>;
