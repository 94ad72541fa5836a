import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { stream } from "hono/streaming";
import { z } from "zod";
import type { BoxFacts } from "../../portal/guest/pages.tsx";
import { type Gateway, GuestError } from "../gateway/index.ts";
import type { Logger } from "../host/log.ts";

/** What the portal's process is told of the box. */
export interface PortalFacts extends BoxFacts {
  /** Host names and addresses by which guests may call the portal. */
  portalHosts: string[];
  /** The host of the certificate, for RFC 8908; absent without one. */
  tlsHost?: string;
}

/** A line of the desk's event stream. */
export type DeskEvent =
  | { kind: "facts"; facts: PortalFacts }
  /** What was known of the guest at this address holds no more. */
  | { kind: "guest"; address: string }
  | { kind: "alive" };

const ALIVE_EVERY_MS = 3_000;
/** Events that a slow reader may be behind by; then it is cut off and begins anew. */
const MAX_BEHIND = 20_000;

const address = z.union([z.ipv4(), z.ipv6()]);
const language = z.string().regex(/^[a-z]{2,3}$/);

/**
 * The narrow side of the daemon that faces the portal's process, over a Unix socket. It can ask about a guest by
 * address, report that a page was shown, that the guest agreed or left, and nothing else.
 */
export function deskApi(gateway: Gateway, facts: () => PortalFacts, log: Logger) {
  const guest = zValidator("query", z.strictObject({ address }));
  return new Hono()
    .use(bodyLimit({ maxSize: 4096 }))
    .onError((error, c) => {
      if (error instanceof GuestError) return c.json({ error: error.reason }, 409);
      log.error({ error }, `${c.req.method} ${c.req.path}`);
      return c.json({ error: "failed" as const, detail: error.message }, 500);
    })
    .get("/guest", guest, async (c) => c.json(await gateway.view(c.req.valid("query").address), 200))
    .post("/guest/shown", guest, async (c) => c.json(await gateway.shown(c.req.valid("query").address), 200))
    .post("/guest/agree", zValidator("query", z.strictObject({ address, language })), async (c) => {
      const query = c.req.valid("query");
      return c.json(await gateway.agree(query.address, query.language), 200);
    })
    .post("/guest/leave", guest, async (c) => c.json(await gateway.leave(c.req.valid("query").address), 200))
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
}

export type DeskApi = ReturnType<typeof deskApi>;
