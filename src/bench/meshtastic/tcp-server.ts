import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { MeshtasticFirmware } from "../firmware/meshtastic.ts";

export interface MeshtasticTcpServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A case on the network: the firmware's stream over TCP, for one host at a time, the last one that came. It is cut when
 * the firmware starts anew.
 * @param firmware made without a `toHost`
 * @param port 0: any that is free
 */
export async function serveMeshtastic(firmware: MeshtasticFirmware, port = 0): Promise<MeshtasticTcpServer> {
  let current: Socket | undefined;
  const server = createServer({ noDelay: true }, (socket) => {
    current?.destroy();
    current = socket;
    const disconnect = firmware.connect((bytes) => {
      socket.write(bytes);
    });
    socket.on("data", (bytes: Buffer) => firmware.receive(bytes));
    // A host that is gone without a word.
    socket.on("error", () => socket.destroy());
    socket.on("close", disconnect);
  });
  const stopWatching = firmware.onRestart(() => current?.destroy());
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no TCP port");
  return {
    port: address.port,
    close: async () => {
      stopWatching();
      current?.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
