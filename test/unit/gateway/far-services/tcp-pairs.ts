import { afterAll } from "bun:test";
import { connect, createServer, type Socket } from "node:net";

const made: Socket[] = [];
afterAll(() => {
  for (const socket of made) socket.destroy();
});

/** Both ends of a TCP connection on loopback; each side may end before the other. */
export async function connectionPair(): Promise<[Socket, Socket]> {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, accepted.resolve);
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const near = await connectedTo(portOf(server));
  const far = await accepted.promise;
  made.push(far.on("error", () => {}));
  server.close();
  return [near, far];
}

/** @throws when nobody listens there */
export function connectedTo(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    made.push(socket);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      // What breaks a connection off is told by its close.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

export function portOf(server: { address(): unknown }): number {
  const address = server.address();
  if (typeof address !== "object" || address === null || !("port" in address)) throw new Error("no port");
  return Number(address.port);
}

/** All that comes until the other side has ended. */
export function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
    socket.once("end", () => resolve(Buffer.concat(chunks)));
    socket.once("close", () => reject(new Error("broken off")));
  });
}
