import {
  type ComponentLogger,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type Transport,
  transportSymbol,
} from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { WebSockets } from "@multiformats/multiaddr-matcher";
import { WsConnection } from "./ws-connection.ts";
import { WsListener } from "./ws-listener.ts";

/** Bytes that a client's socket may hold back before its sender waits, and how often it looks whether they went. */
const MAX_HELD_BACK_BYTES = 1_048_576;
const LOOK_EVERY_MS = 5;

/** libp2p over WebSockets without TLS ("/ip4/…/tcp/…/ws"): what browsers speak, and what gets through where only port 80 does. */
export function wsTransport(): (components: { logger: ComponentLogger }) => Transport {
  return ({ logger }) => new WsTransport(logger);
}

class WsTransport implements Transport {
  readonly [transportSymbol] = true;
  readonly [Symbol.toStringTag] = "omerta-box/websockets";

  constructor(private readonly logger: ComponentLogger) {}

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const socket = await connect(uriOf(address), options.signal);
    const connection = this.connection(socket, address);
    try {
      return await options.upgrader.upgradeOutbound(connection, options);
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  createListener({ upgrader }: CreateListenerOptions): Listener {
    return new WsListener(upgrader, this.logger.forComponent("websockets"));
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    // No URL has an interface in it, as a link-local address needs; plain TCP gets there.
    return addresses.filter(
      (address) =>
        WebSockets.exactMatch(address) && !address.getComponents().some(({ name }) => name === "ip6zone"),
    );
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.listenFilter(addresses);
  }

  private connection(socket: WebSocket, remoteAddr: Multiaddr): WsConnection {
    let looking: ReturnType<typeof setInterval> | undefined;
    const stopLooking = (): void => {
      clearInterval(looking);
      looking = undefined;
    };
    const look = (): void => {
      if (socket.bufferedAmount > MAX_HELD_BACK_BYTES / 2) return;
      stopLooking();
      connection.drained();
    };
    const connection = new WsConnection({
      port: {
        send(bytes) {
          socket.send(bytes);
          if (socket.bufferedAmount < MAX_HELD_BACK_BYTES) return true;
          looking ??= setInterval(look, LOOK_EVERY_MS);
          return false;
        },
        close: () => socket.close(),
        terminate: () => socket.terminate(),
      },
      remoteAddr,
      direction: "outbound",
      log: this.logger.forComponent("websockets"),
    });
    socket.addEventListener("message", ({ data }) => {
      if (data instanceof ArrayBuffer) connection.received(new Uint8Array(data));
      else connection.abort(new Error("text in a stream of bytes"));
    });
    socket.addEventListener("close", ({ wasClean }) => {
      stopLooking();
      connection.ended(wasClean);
    });
    return connection;
  }
}

function connect(uri: string, signal: AbortSignal): Promise<WebSocket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(uri);
    socket.binaryType = "arraybuffer";
    const leave = (): void => {
      signal.removeEventListener("abort", aborted);
      socket.removeEventListener("close", failed);
    };
    const failed = (): void => {
      leave();
      reject(new Error(`no WebSocket at ${uri}`));
    };
    const aborted = (): void => {
      leave();
      // One that is still connecting would otherwise stay, and open when nobody waits any more.
      socket.terminate();
      reject(signal.reason);
    };
    signal.addEventListener("abort", aborted, { once: true });
    socket.addEventListener("close", failed);
    socket.addEventListener("error", () => {});
    socket.addEventListener("open", () => {
      leave();
      resolve(socket);
    });
  });
}

function uriOf(address: Multiaddr): string {
  const components = address.getComponents();
  const [first] = components;
  const port = components.find(({ name }) => name === "tcp")?.value ?? "80";
  const host = first?.name === "ip6" ? `[${first.value}]` : (first?.value ?? "");
  return `ws://${host}:${port}/`;
}
