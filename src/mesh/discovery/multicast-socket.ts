import dgram from "node:dgram";

export const MDNS_PORT = 5353;
const GROUPS = { 4: "224.0.0.251", 6: "ff02::fb" } as const;

export type IpFamily = 4 | 6;

/** One interface's ear and mouth for multicast DNS in one IP family. */
export interface MulticastSocket {
  /** Sends to everybody on the link. Resolves once it has left, or cannot: then `failed` was called. */
  send(message: Uint8Array): Promise<void>;
  close(): void;
}

export interface MulticastHandlers {
  /** @param from IPv6 link-local addresses with their zone: "fe80::1%eth0" */
  message(datagram: Uint8Array, from: { address: string; port: number }): void;
  /** It cannot be opened (port taken for oneself, interface gone), or a message cannot leave (no address yet). */
  failed(error: Error): void;
}

export type OpenMulticast = (
  family: IpFamily,
  link: {
    interface: string;
    /** The interface's IPv4 address, by which IPv4 names interfaces. */
    address: string;
  },
  handlers: MulticastHandlers,
) => MulticastSocket;

/**
 * Opens port 5353 beside whoever has it as well (SO_REUSEADDR, RFC 6762, 15.1), joins the group on the one interface
 * and sends by it, so that no route is needed. Linux hands a datagram of a group to every socket on the port,
 * whichever interface its group was joined on (ip(7), IP_MULTICAST_ALL): the caller looks at who sent it.
 * Datagrams come back to other sockets of this machine, so that two boxes on one machine hear each other.
 */
export const openMulticast: OpenMulticast = (family, link, handlers) => {
  const socket = dgram.createSocket(
    family === 4 ? { type: "udp4", reuseAddr: true } : { type: "udp6", reuseAddr: true, ipv6Only: true },
  );
  const group = family === 4 ? GROUPS[4] : `${GROUPS[6]}%${link.interface}`;
  const name = family === 4 ? link.address : `::%${link.interface}`;
  let isOpen = true;
  const bound = new Promise<boolean>((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind(MDNS_PORT, family === 4 ? "0.0.0.0" : "::", () => {
      try {
        if (!isOpen) return resolve(false);
        socket.addMembership(GROUPS[family], name);
        socket.setMulticastInterface(name);
        // RFC 6762, 11: 255, which a router would have made less.
        socket.setMulticastTTL(255);
        resolve(true);
      } catch (error) {
        resolve(false);
        handlers.failed(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
  socket.on("error", (error) => {
    if (isOpen) handlers.failed(error);
  });
  socket.on("message", (datagram, { address, port }) => {
    if (isOpen) handlers.message(datagram, { address, port });
  });
  return {
    async send(message) {
      if (!(await bound) || !isOpen) return;
      await new Promise<void>((resolve) => {
        socket.send(message, MDNS_PORT, group, (error) => {
          if (error && isOpen) handlers.failed(error);
          resolve();
        });
      });
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      socket.close();
    },
  };
};
