import { isIP } from "node:net";
import { join } from "node:path";
import type { Server } from "bun";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { STATUS_STYLE, statusPage } from "../../portal/console/status-page.tsx";
import type { Part } from "../host/part.ts";
import { serveSocket } from "./socket-server.ts";
import { boxStatus, type StatusSource } from "./status.ts";

export interface ConsolePartOptions {
  source: StatusSource;
  /** `address:port`, with brackets around an IPv6 address. */
  listen: readonly string[];
  runFolder: string;
}

/** Where the command line finds a running box. */
export const CONTROL_SOCKET = "control.sock";

/** The operator's page, on the management side alone, and the socket of the command line. */
export class ConsolePart implements Part {
  readonly name = "console";
  private servers: Server<undefined>[] = [];

  constructor(private readonly options: ConsolePartOptions) {}

  async start(): Promise<void> {
    const { source, listen, runFolder } = this.options;
    const startedMs = source.monotonicMs();
    const app = consoleApp(source, startedMs);
    this.servers.push(serveSocket(join(runFolder, CONTROL_SOCKET), (request) => app.fetch(request)));
    for (const text of listen) {
      const { address, port } = splitListen(text);
      this.servers.push(
        Bun.serve({
          hostname: address,
          port,
          development: false,
          fetch: (request) => (isLocalName(request) ? app.fetch(request) : new Response("", { status: 421 })),
        }),
      );
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.splice(0).map((server) => server.stop(true)));
  }

  detail(): string {
    return this.options.listen.map((text) => `http://${text}/`).join(", ");
  }
}

function consoleApp(source: StatusSource, startedMs: number) {
  const digest = new Bun.CryptoHasher("sha256").update(STATUS_STYLE).digest("base64");
  return new Hono()
    .use(
      secureHeaders({
        contentSecurityPolicy: {
          defaultSrc: ["'none'"],
          styleSrc: [`'sha256-${digest}'`],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
        strictTransportSecurity: false,
      }),
    )
    .get("/", (c) => c.html(statusPage(boxStatus(source, startedMs))))
    .get("/api/status", (c) => c.json(boxStatus(source, startedMs)));
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
