import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { stream } from "hono/streaming";
import { z } from "zod";
import type { BoxFacts } from "../../portal/guest/pages.tsx";
import { type Gateway, GuestError, type GuestView } from "../gateway/index.ts";
import type { Logger } from "../host/log.ts";
import type { GuestMessages } from "../messages/index.ts";
import { deskAppApi } from "./desk-app-api.ts";
import { deskDemoApi } from "./desk-demo-api.ts";
import { deskMessagesApi, type GuestDevice } from "./desk-messages-api.ts";
import type { GuestDemos } from "./guest-demos.ts";

/** What the portal's process is told of the box. */
export interface PortalFacts extends BoxFacts {
  /** Host names and addresses by which guests may call the portal. */
  portalHosts: string[];
  /** The host of the certificate, for RFC 8908; absent without one. */
  tlsHost?: string;
}

/** A guest, as the portal's process is told of them. */
export interface DeskGuest extends GuestView {
  /** The device's MAC address: what a guest asks for is counted by it. Absent where it was forgotten meanwhile. */
  station?: string;
}

/** A line of the desk's event stream. */
export type DeskEvent =
  | { kind: "facts"; facts: PortalFacts }
  /** What was known of the guest at this address holds no more. */
  | { kind: "guest"; address: string }
  /** Posts, notices or check-ins are others than before. */
  | { kind: "public" }
  | { kind: "alive" };

const ALIVE_EVERY_MS = 3_000;
/** However much is written, the portal is told of it, and reads it again, so often at most. */
const PUBLIC_EVERY_MS = 250;
/** Events that a slow reader may be behind by; then it is cut off and begins anew. */
const MAX_BEHIND = 20_000;

const address = z.union([z.ipv4(), z.ipv6()]);
const language = z.string().regex(/^[a-z]{2,3}$/);
/** Milliseconds since 1970, as a phone says. */
const now = z
  .string()
  .regex(/^\d{13}$/)
  .transform(Number)
  .optional();

/**
 * The narrow side of the daemon that faces the portal's process, over a Unix socket. It can ask about a guest by
 * address, report that a page was shown, that the guest agreed or left, and nothing else; with `messages`, which are under
 * `/messages` and `/app`, hand on what guests write and read what everybody may, or what is for a person who proves to be them; with
 * `demos`, which are under `/demo`, begin a machine for a visitor, and be its screen and its keyboard.
 * @param phoneSays told what the phone's clock says of a guest who agrees, in ms since 1970
 */
export function deskApi(
  gateway: Gateway,
  boxFacts: () => PortalFacts,
  log: Logger,
  messages: GuestMessages | undefined,
  onFactsChange: (listener: () => void) => () => void = () => () => {},
  demos?: GuestDemos,
  phoneSays: (station: string, wallMs: number) => void = () => {},
) {
  const guest = zValidator("query", z.strictObject({ address }));
  const seen = (address: string, view: GuestView): DeskGuest => {
    const station = gateway.sessions.at(address)?.mac;
    return station === undefined ? view : { ...view, station };
  };
  const facts = () => ({ ...boxFacts(), messages: messages !== undefined });
  const desk = new Hono()
    .use("/guest/*", bodyLimit({ maxSize: 4096 }))
    .onError((error, c) => {
      if (error instanceof GuestError) return c.json({ error: error.reason }, 409);
      log.error({ error }, `${c.req.method} ${c.req.path}`);
      return c.json({ error: "failed" as const, detail: error.message }, 500);
    })
    .get("/guest", guest, async (c) => {
      const { address } = c.req.valid("query");
      return c.json(seen(address, await gateway.view(address)), 200);
    })
    .post("/guest/shown", guest, async (c) => {
      const { address } = c.req.valid("query");
      return c.json(seen(address, await gateway.shown(address)), 200);
    })
    .post("/guest/agree", zValidator("query", z.strictObject({ address, language, now })), async (c) => {
      const { address, language, now } = c.req.valid("query");
      const agreed = seen(address, await gateway.agree(address, language));
      if (now !== undefined && agreed.station !== undefined) phoneSays(agreed.station, now);
      return c.json(agreed, 200);
    })
    .post("/guest/leave", guest, async (c) => {
      const { address } = c.req.valid("query");
      return c.json(seen(address, await gateway.leave(address)), 200);
    })
    .get("/events", (c) =>
      stream(c, async (out) => {
        let waiting: DeskEvent[] = [{ kind: "facts", facts: facts() }];
        let wake = () => {};
        let cutOff = () => {};
        const isCutOff = new Promise<"cut off">((resolve) => {
          cutOff = () => resolve("cut off");
        });
        const tell = (event: DeskEvent) => {
          if (waiting.length >= MAX_BEHIND) return cutOff();
          waiting.push(event);
          wake();
        };
        const ends = [
          gateway.sessions.onChange((session) => {
            for (const address of gateway.sessions.addressesOf(session)) tell({ kind: "guest", address });
          }),
          gateway.onUplinkChange(() => tell({ kind: "facts", facts: facts() })),
          onFactsChange(() => tell({ kind: "facts", facts: facts() })),
          ...(messages ? [seldom(messages, () => tell({ kind: "public" }))] : []),
        ];
        const timer = setInterval(() => tell({ kind: "alive" }), ALIVE_EVERY_MS);
        out.onAbort(() => wake());
        try {
          while (!out.aborted) {
            const lines = waiting.map((event) => `${JSON.stringify(event)}\n`).join("");
            waiting = [];
            if (lines !== "") {
              if ((await Promise.race([out.write(lines), isCutOff])) === "cut off") return;
            } else {
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
            }
          }
        } finally {
          clearInterval(timer);
          for (const end of ends) end();
        }
      }),
    );
  const device = (at: string) => deviceAt(gateway, at);
  if (demos) desk.route("/demo", deskDemoApi(demos, device, log));
  if (messages) {
    desk.route("/messages", deskMessagesApi(messages, device, log));
    desk.route("/app", deskAppApi(messages, device, log));
  }
  return desk;
}

/** Tells of changes of what is public, a few times a second at most. @returns ends it */
function seldom(messages: GuestMessages, tell: () => void): () => void {
  let due: ReturnType<typeof setTimeout> | undefined;
  const end = messages.onPublicChange(() => {
    due ??= setTimeout(() => {
      due = undefined;
      tell();
    }, PUBLIC_EVERY_MS);
  });
  return () => {
    clearTimeout(due);
    end();
  };
}

/** @throws {GuestError} */
async function deviceAt(gateway: Gateway, address: string): Promise<GuestDevice> {
  const { state } = await gateway.view(address);
  const session = gateway.sessions.at(address);
  if (!session) throw new GuestError("unknown-station");
  return { station: session.mac, agreed: state === "consented" || state === "released" };
}

export type DeskApi = ReturnType<typeof deskApi>;
