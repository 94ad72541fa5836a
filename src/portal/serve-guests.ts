import { chmodSync, rmSync } from "node:fs";
import type { Server } from "bun";
import { MAX_BUNDLE_BYTES } from "../messages/index.ts";
import { appRoutes, deskAsker } from "./app-routes.ts";
import { buildAppScript, builtOnce } from "./app-script.ts";
import { demoRoutes } from "./demo-routes.ts";
import { DeskClient } from "./desk-client.ts";
import { DeskMessagesClient } from "./desk-messages-client.ts";
import { DESK_IDLE_S, overSocket } from "./desk-socket.ts";
import { guestApp, type Peer } from "./guest-app.ts";
import { GuestDirectory } from "./guest-directory.ts";
import { PEER_HEADER } from "./peer-header.ts";

export interface GuestServerOptions {
  /** The daemon's socket for the portal. */
  desk: string;
  listens: readonly { address: string; port: number }[];
  /** Where the TLS front hands on what it decrypted; undefined without a certificate. */
  tlsSocket?: string;
}

/** s without a byte before a connection is closed: a slow client holds little, and not for long. */
const IDLE_S = 10;
/** A bundle with a photo; forms have a limit of their own. */
const MAX_REQUEST_BYTES = MAX_BUNDLE_BYTES + 1_024;

/** Serves guests until stopped. It needs no privilege and holds no key. */
export function serveGuests(options: GuestServerOptions): { stop(): Promise<void> } {
  const desk = new DeskClient(options.desk);
  const directory = new GuestDirectory(desk);
  const messages = new DeskMessagesClient(overSocket(options.desk));
  const nowMs = () => performance.now();
  const onePerson = appRoutes(
    () => directory.facts,
    builtOnce(),
    deskAsker(options.desk),
    nowMs,
    (address) => directory.deviceAt(address),
  );
  const demo = demoRoutes(
    () => directory.facts,
    builtOnce(() => buildAppScript("demo")),
    deskAsker(options.desk),
    nowMs,
    (address) => directory.deviceAt(address),
  );
  const app = guestApp(directory, desk, messages, nowMs, onePerson, demo);
  const following = directory.follow();
  const common = { maxRequestBodySize: MAX_REQUEST_BYTES, development: false };
  const servers: Server<undefined>[] = options.listens.map(({ address, port }) =>
    Bun.serve({
      ...common,
      idleTimeout: IDLE_S,
      hostname: address,
      port,
      fetch(request, server) {
        if (request.method === "POST") server.timeout(request, DESK_IDLE_S);
        const peer: Peer = { address: server.requestIP(request)?.address ?? "", secure: false };
        return app.fetch(request, peer);
      },
    }),
  );
  if (options.tlsSocket !== undefined) {
    rmSync(options.tlsSocket, { force: true });
    servers.push(
      Bun.serve({
        ...common,
        // Bun heeds it on Unix sockets too, which its types do not know.
        ...({ idleTimeout: DESK_IDLE_S } as object),
        unix: options.tlsSocket,
        fetch(request) {
          return app.fetch(request, { address: request.headers.get(PEER_HEADER) ?? "", secure: true });
        },
      }),
    );
    chmodSync(options.tlsSocket, 0o600);
  }
  return {
    async stop() {
      directory.stop();
      await Promise.all(servers.map((server) => server.stop(true)));
      await Promise.race([following, Bun.sleep(100)]);
    },
  };
}
