import { createServer, type Server, type Socket } from "node:net";

/** A port that listens at some addresses of this box. */
export interface PortListener {
  readonly port: number;
  /** Takes no more; connections that there are go on. */
  close(): void;
}

/** @throws when one of the addresses cannot be listened at; then none is */
export async function listenAt(
  addresses: readonly string[],
  port: number,
  taken: (socket: Socket) => void,
): Promise<PortListener> {
  const servers: Server[] = [];
  const close = () => {
    for (const server of servers) server.close();
  };
  try {
    for (const host of addresses) {
      const server = createServer({ allowHalfOpen: true }, taken);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, resolve);
      });
      servers.push(server);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { port, close };
}
