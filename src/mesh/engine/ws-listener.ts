import { isIPv6 } from "node:net";
import {
  type Listener,
  type ListenerEvents,
  type Logger,
  TypedEventEmitter,
  type Upgrader,
} from "@libp2p/interface";
import { ipPortToMultiaddr } from "@libp2p/utils";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { MAX_TAKEN_BYTES, WsConnection } from "./ws-connection.ts";

/** Seconds without a byte after which a socket is closed: before its WebSocket is up, and after. */
const IDLE_BEFORE_S = 5;
const IDLE_AFTER_S = 120;

/** What a socket carries: the connection, once it is open. */
interface Attached {
  remoteAddr: Multiaddr;
  connection?: WsConnection;
}

type BunServer = ReturnType<typeof Bun.serve<Attached>>;

/**
 * Takes WebSockets on one address, by Bun's own server. The one of @libp2p/websockets is never done closing on Bun, and
 * waits for the first byte of a silent socket for ever.
 */
export class WsListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  private readonly over = new AbortController();
  private server: BunServer | undefined;
  private address: Multiaddr | undefined;

  constructor(
    private readonly upgrader: Upgrader,
    private readonly log: Logger,
  ) {
    super();
  }

  async listen(address: Multiaddr): Promise<void> {
    const components = address.getComponents();
    const host = components.find(({ name }) => name === "ip4" || name === "ip6")?.value ?? "";
    const port = Number(components.find(({ name }) => name === "tcp")?.value ?? 0);
    this.server = this.serve(host, port);
    const tcp = this.server.port ?? port;
    this.address = multiaddr(`/${isIPv6(host) ? "ip6" : "ip4"}/${host}/tcp/${tcp}/ws`);
    this.safeDispatchEvent("listening");
  }

  getAddrs(): Multiaddr[] {
    return this.address === undefined ? [] : [this.address];
  }

  async close(): Promise<void> {
    this.over.abort(new Error("no longer listening"));
    await this.server?.stop(true);
    this.server = undefined;
    this.address = undefined;
    this.safeDispatchEvent("close");
  }

  updateAnnounceAddrs(): void {}

  private serve(hostname: string, port: number): BunServer {
    return Bun.serve<Attached>({
      hostname,
      port,
      ipv6Only: isIPv6(hostname),
      idleTimeout: IDLE_BEFORE_S,
      maxRequestBodySize: 0,
      fetch(request, server) {
        const from = server.requestIP(request);
        if (from !== null) {
          const remoteAddr = ipPortToMultiaddr(from.address, from.port).encapsulate("/ws");
          if (server.upgrade(request, { data: { remoteAddr } })) return undefined;
        }
        return new Response(null, { status: 404 });
      },
      websocket: {
        perMessageDeflate: false,
        maxPayloadLength: MAX_TAKEN_BYTES,
        idleTimeout: IDLE_AFTER_S,
        open: (socket) => this.opened(socket),
        message: (socket, message) => {
          if (typeof message === "string") socket.terminate();
          else socket.data.connection?.received(message);
        },
        drain: (socket) => socket.data.connection?.drained(),
        close: (socket, code) => socket.data.connection?.ended(code !== 1006),
      },
    });
  }

  private opened(socket: Bun.ServerWebSocket<Attached>): void {
    const connection = new WsConnection({
      port: {
        send(bytes) {
          const sent = socket.sendBinary(bytes);
          // 0: it was not even queued.
          if (sent === 0 && bytes.byteLength > 0) throw new Error("the WebSocket took no more");
          return sent > 0;
        },
        close: () => socket.close(),
        terminate: () => socket.terminate(),
      },
      remoteAddr: socket.data.remoteAddr,
      direction: "inbound",
      log: this.log,
    });
    socket.data.connection = connection;
    this.upgrader.upgradeInbound(connection, { signal: this.over.signal }).catch((error) => {
      connection.abort(error instanceof Error ? error : new Error(String(error)));
    });
  }
}
