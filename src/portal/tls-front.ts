import { z } from "zod";
import { MAX_BUNDLE_BYTES } from "../messages/index.ts";
import { DESK_IDLE_S } from "./desk-socket.ts";
import { PEER_HEADER } from "./peer-header.ts";

/** What the daemon hands to the front on its standard input, so that the front need not be able to read the files. */
export const tlsMaterial = z.strictObject({ cert: z.string(), key: z.string() });
export type TlsMaterial = z.output<typeof tlsMaterial>;

export interface TlsFrontOptions {
  listens: readonly { address: string; port: number }[];
  /** The certificate chain and its key, PEM. */
  tls: TlsMaterial;
  /** The portal's private socket. */
  portalSocket: string;
}

const IDLE_S = 10;
/** A bundle with a photo; forms have a limit of their own. */
const MAX_REQUEST_BYTES = MAX_BUNDLE_BYTES + 1_024;
const ANSWER_TIMEOUT_MS = 8_000;
/** To a form that is being taken: longer than the portal waits for the daemon. */
export const FORM_ANSWER_TIMEOUT_MS = 18_000;

/** The process that holds the certificate's key, so that the portal need not: it decrypts and hands on. */
export function serveTlsFront(options: TlsFrontOptions): { stop(): Promise<void> } {
  const servers = options.listens.map(({ address, port }) =>
    Bun.serve({
      hostname: address,
      port,
      tls: options.tls,
      idleTimeout: IDLE_S,
      maxRequestBodySize: MAX_REQUEST_BYTES,
      development: false,
      async fetch(request, server) {
        const isForm = request.method === "POST";
        if (isForm) server.timeout(request, DESK_IDLE_S);
        const headers = new Headers(request.headers);
        headers.set(PEER_HEADER, server.requestIP(request)?.address ?? "");
        const late = new AbortController();
        // Until an answer begins: a stream of events goes on for hours.
        const timer = setTimeout(() => late.abort(), isForm ? FORM_ANSWER_TIMEOUT_MS : ANSWER_TIMEOUT_MS);
        try {
          return await fetch(request.url.replace(/^https:/, "http:"), {
            method: request.method,
            headers,
            body: request.body ? await request.arrayBuffer() : null,
            redirect: "manual",
            unix: options.portalSocket,
            signal: late.signal,
            // It is handed on as it is, and says in its headers how it is coded.
            decompress: false,
          });
        } catch {
          return new Response(null, { status: 503, headers: { "Retry-After": "3" } });
        } finally {
          clearTimeout(timer);
        }
      },
    }),
  );
  return {
    async stop() {
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}
