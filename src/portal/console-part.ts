import { isIP } from "node:net";
import { join } from "node:path";
import { zValidator } from "@hono/zod-validator";
import type { Server } from "bun";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { z } from "zod";
import { COMPUTE_STYLE } from "../../portal/console/compute-page.tsx";
import { MESSAGES_STYLE } from "../../portal/console/messages-page.tsx";
import { STATUS_STYLE, statusPage } from "../../portal/console/status-page.tsx";
import type { OperatorDesk } from "../first-boot/claim/operator-desk.ts";
import { operatorGate } from "../first-boot/claim/operator-gate.ts";
import { CONTROL_SOCKET } from "../host/box-places.ts";
import { atIntervals } from "../host/intervals.ts";
import type { Part } from "../host/part.ts";
import { serveSocket } from "../host/socket-server.ts";
import { MAX_MESSAGE_BYTES, PRIORITIES, parseAddress } from "../lora/index.ts";
import { computeConsole } from "./compute-console.ts";
import { messagesConsole } from "./messages-console.ts";
import { operatorApi, ResetWish } from "./operator-api.ts";
import { operatorComputeApi } from "./operator-compute-api.ts";
import { operatorMessagesApi } from "./operator-messages-api.ts";
import { operatorUpdateApi } from "./operator-update-api.ts";
import { boxStatus, type StatusSource } from "./status.ts";

export interface ConsolePartOptions {
  source: StatusSource;
  /** `address:port`, with brackets around an IPv6 address. */
  listen: readonly string[];
  /** More of them that come and go, such as those of wires; one that is not to be had is no trouble. */
  wires?: () => readonly string[];
  /** Who may see the page by TCP; undefined: whoever reaches it. */
  operator?: OperatorDesk;
  /** All that the box keeps, sealed with a passphrase. */
  exportAll?: (passphrase: string) => Promise<ReadableStream<Uint8Array>>;
  /** Whether there is somebody who has the box forget everything when the operator asks for it. */
  canReset?: boolean;
  runFolder: string;
}

const BIND_EVERY_MS = 2_000;

/** The operator's page, on the management side alone, and the socket of the command line. */
export class ConsolePart implements Part {
  readonly name = "console";
  private servers: Server<undefined>[] = [];
  /** Addresses that it listens on already. */
  private readonly bound = new Set<string>();
  private refusal = "";
  private readonly resetWish = new ResetWish();
  private endRetries: () => Promise<void> = async () => {};

  constructor(private readonly options: ConsolePartOptions) {}

  async start(): Promise<void> {
    const { source, listen, wires, operator, exportAll, canReset, runFolder } = this.options;
    const startedMs = source.monotonicMs();
    const app = consoleApp(source, startedMs);
    const control = controlApp(
      source,
      app,
      operatorApi(() => this.urls(), operator, this.resetWish),
    );
    this.servers.push(serveSocket(join(runFolder, CONTROL_SOCKET), (request) => control.fetch(request)));
    const shown = operator
      ? operatorGate(operator, source.name, (request) => app.fetch(request), {
          ...(exportAll ? { exportAll } : {}),
          ...(canReset ? { reset: () => this.resetWish.ask() } : {}),
        })
      : (request: Request) => app.fetch(request);
    const fetch = (request: Request, from: string) =>
      isLocalName(request) ? shown(request, from) : new Response("", { status: 421 });
    const bind = () => {
      const wanted = new Set([...listen, ...(wires?.() ?? [])]);
      for (const text of wanted) if (!this.bound.has(text)) this.bind(text, fetch);
    };
    bind();
    // An address of the management side may come later than the box.
    this.endRetries = atIntervals(BIND_EVERY_MS, bind, () => {});
  }

  async stop(): Promise<void> {
    await this.endRetries();
    this.bound.clear();
    await Promise.all(this.servers.splice(0).map((server) => server.stop(true)));
  }

  trouble(): string | undefined {
    return this.options.listen.every((text) => this.bound.has(text)) ? undefined : this.refusal;
  }

  private bind(text: string, fetch: (request: Request, from: string) => Response | Promise<Response>): void {
    const { address, port } = splitListen(text);
    try {
      const server: Server<undefined> = Bun.serve({
        hostname: address,
        port,
        development: false,
        fetch: (request) => fetch(request, server.requestIP(request)?.address ?? ""),
      });
      this.servers.push(server);
      this.bound.add(text);
    } catch (error) {
      if (!this.options.listen.includes(text)) return;
      this.refusal = `${text}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  detail(): string {
    return this.urls().join(", ");
  }

  /** Where the page is, or will be as soon as it can. */
  private urls(): string[] {
    return [...new Set([...this.options.listen, ...this.bound])].map((text) => `http://${text}/`);
  }
}

function consoleApp(source: StatusSource, startedMs: number) {
  const styles = [STATUS_STYLE, MESSAGES_STYLE, COMPUTE_STYLE].map(
    (style) => `'sha256-${new Bun.CryptoHasher("sha256").update(style).digest("base64")}'`,
  );
  const app = new Hono()
    .use(
      secureHeaders({
        contentSecurityPolicy: {
          defaultSrc: ["'none'"],
          styleSrc: styles,
          formAction: ["'self'"],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
        strictTransportSecurity: false,
      }),
    )
    .get("/", (c) => c.html(statusPage(boxStatus(source, startedMs))))
    .get("/api/status", (c) => c.json(boxStatus(source, startedMs)));
  if (source.messages) app.route("/messages", messagesConsole(source.messages, source.name));
  if (source.compute) app.route("/compute", computeConsole(source.compute, source.name));
  return app;
}

const textToSend = z.strictObject({
  text: z.string().min(1).max(MAX_MESSAGE_BYTES),
  /** Six hex digits; absent: everyone. */
  to: z
    .string()
    .refine((text) => parseAddress(text) !== undefined, "six hex digits, as the status shows them")
    .optional(),
  priority: z.enum(PRIORITIES).default("direct"),
  lifetimeSeconds: z.number().positive().max(604_800).default(3_600),
});

export type TextRequest = z.input<typeof textToSend>;

/** What the command line may do beside looking: the socket is its owner's alone. */
function controlApp(source: StatusSource, app: Hono, operator: ReturnType<typeof operatorApi>) {
  const control = new Hono();
  if (source.messages) control.route("/api/messages", operatorMessagesApi(source.messages));
  if (source.compute) control.route("/api/compute", operatorComputeApi(source.compute));
  control.route("/api/update", operatorUpdateApi(source.update));
  control.route("/api/operator", operator);
  return control
    .use(bodyLimit({ maxSize: MAX_MESSAGE_BYTES * 2 }))
    .post(
      "/api/lora/texts",
      zValidator("json", textToSend, (result, c) => {
        if (result.success) return;
        const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
        return c.json({ accepted: false as const, reason: "refused", detail: problems.join("; ") }, 400);
      }),
      (c) => {
        const { text, to, priority, lifetimeSeconds } = c.req.valid("json");
        const address = to === undefined ? undefined : parseAddress(to);
        const lifetimeMs = lifetimeSeconds * 1_000;
        return c.json(source.lora.send({ text, to: address ?? "everyone", priority, lifetimeMs }));
      },
    )
    .route("/", app);
}

/**
 * Whether the request names this box by an address or as localhost. A page of the wide web that points a name of its
 * own at the box (DNS rebinding) is turned away.
 */
function isLocalName(request: Request): boolean {
  const host = (request.headers.get("host") ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || isIP(host) !== 0;
}

/** "192.168.7.1:8090" or "[fd00::1]:8090" as address and port. */
export function splitListen(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { address: text.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(text.slice(colon + 1)) };
}
