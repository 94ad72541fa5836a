import type { FlowEnd, FlowSide, Forward } from "./relay-flow.ts";

type UdpSocket = Bun.udp.Socket<"buffer">;

/** No port of the range was free. */
export class NoPortError extends Error {
  override readonly name = "NoPortError";
}

const TRIES = 50;

/** The sockets of one relayed flow: one port a side, open at each of the box's addresses, so that it is known at which one an end arrived. */
export class RelaySockets {
  private constructor(
    readonly ports: Record<FlowSide, number>,
    /** Where it is held: at each of them, once for each side. */
    readonly addresses: readonly string[],
    private readonly sockets: ReadonlyMap<string, UdpSocket>,
  ) {}

  /**
   * @param random 0 ≤ x < 1
   * @param take called with what comes: the packets that the kernel's rules do not forward
   * @throws {NoPortError}
   */
  static async open(
    addresses: readonly string[],
    range: { first: number; last: number },
    random: () => number,
    take: (side: FlowSide, from: FlowEnd, datagram: Uint8Array) => void,
  ): Promise<RelaySockets> {
    const opened = new Map<string, UdpSocket>();
    const openSide = async (side: FlowSide): Promise<number> => {
      for (let tries = 0; tries < TRIES; tries++) {
        const port = range.first + Math.floor(random() * (range.last - range.first + 1));
        if (await openAt(side, port)) return port;
      }
      throw new NoPortError(`no UDP port of ${range.first} to ${range.last} is free`);
    };
    const openAt = async (side: FlowSide, port: number): Promise<boolean> => {
      for (const local of addresses) {
        try {
          const socket = await Bun.udpSocket({
            hostname: local,
            port,
            socket: {
              data: (_socket, datagram, remotePort, address) =>
                take(side, { remote: { address, port: remotePort }, local }, datagram),
              // An end that is not there any more answers with ICMP errors: nothing to do about them.
              error: () => {},
            },
          });
          opened.set(`${side} ${local}`, socket);
        } catch {
          closeAll([...opened].filter(([key]) => key.startsWith(side)).map(([, socket]) => socket));
          return false;
        }
      }
      return true;
    };
    try {
      return new RelaySockets({ a: await openSide("a"), b: await openSide("b") }, addresses, opened);
    } catch (error) {
      closeAll(opened.values());
      throw error;
    }
  }

  /** Sends; what cannot leave is lost, as on any link. */
  send({ side, end, datagram }: Forward): void {
    try {
      this.sockets.get(`${side} ${end.local}`)?.send(datagram, end.remote.port, end.remote.address);
    } catch {
      // No route, or a full queue.
    }
  }

  close(): void {
    closeAll(this.sockets.values());
  }
}

function closeAll(sockets: Iterable<UdpSocket>): void {
  for (const socket of sockets) {
    if (!socket.closed) socket.close();
  }
}
