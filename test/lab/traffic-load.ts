import type { LabHost } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";

/** Counts what comes in by TCP ports. */
export class Sinks {
  private readonly bytes = new Map<number, number>();
  private readonly ends: (() => void)[] = [];

  constructor(private readonly host: LabHost) {}

  listen(port: number): void {
    const server = withNetworkOf(this.host, () =>
      Bun.listen({
        hostname: "0.0.0.0",
        port,
        socket: { data: (_, data) => void this.bytes.set(port, this.of(port) + data.length) },
      }),
    );
    this.ends.push(() => server.stop(true));
  }

  of(port: number): number {
    return this.bytes.get(port) ?? 0;
  }

  close(): void {
    for (const end of this.ends.splice(0)) end();
  }
}

/** Sends as fast as TCP lets it, until the returned function is called. */
export async function pour(from: LabHost, to: string, port: number, connections = 1): Promise<() => void> {
  const block = Buffer.alloc(65_536, "x");
  const fill = (connection: { write(data: Buffer): number }) => {
    while (connection.write(block) === block.length);
  };
  const socket = { open: fill, drain: fill, data() {} };
  const opened = await Promise.all(
    Array.from({ length: connections }, () =>
      withNetworkOf(from, () => Bun.connect({ hostname: to, port, socket })),
    ),
  );
  return () => {
    for (const connection of opened) connection.terminate();
  };
}

export interface DatagramFigures {
  sent: number;
  received: number;
  /** One way, in ms, of what arrived. */
  p50: number;
  p99: number;
  worst: number;
}

/** Sends a datagram every so often for a while, and tells how long they took one way and how many came. */
export async function timeDatagrams(
  from: { host: LabHost; port: number },
  to: { host: LabHost; address: string; port: number },
  { everyMs, forMs, bytes = 200 }: { everyMs: number; forMs: number; bytes?: number },
): Promise<DatagramFigures> {
  const times: number[] = [];
  const receiver = await withNetworkOf(to.host, () =>
    Bun.udpSocket({
      hostname: "0.0.0.0",
      port: to.port,
      socket: { data: (_, data) => void times.push(performance.now() - data.readDoubleLE(0)) },
    }),
  );
  const sender = await withNetworkOf(from.host, () =>
    Bun.udpSocket({ hostname: "0.0.0.0", port: from.port, socket: { data() {} } }),
  );
  const datagram = Buffer.alloc(bytes);
  let sent = 0;
  const start = performance.now();
  while (performance.now() - start < forMs) {
    datagram.writeDoubleLE(performance.now(), 0);
    sendOrLose(() => sender.send(datagram, to.port, to.address));
    sent += 1;
    await Bun.sleep(Math.max(0, start + sent * everyMs - performance.now()));
  }
  await Bun.sleep(800);
  sender.close();
  receiver.close();
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Infinity;
  return { sent, received: times.length, p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/** A queue of the sender's own host that drops a datagram says so, and so does a port that nobody listens on. */
function sendOrLose(send: () => void): void {
  try {
    send();
  } catch (error) {
    if (!["ENOBUFS", "ECONNREFUSED"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** Sends datagrams of 1,200 bytes at a rate, whatever becomes of them, until the returned function is called. */
export async function flood(from: LabHost, to: string, port: number, kbit: number): Promise<() => void> {
  const sender = await withNetworkOf(from, () => Bun.udpSocket({ socket: { data() {}, error() {} } }));
  const datagram = Buffer.alloc(1_200);
  const start = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - start) * kbit) / 8 / datagram.length;
    for (; sent < due; sent += 1) sendOrLose(() => sender.send(datagram, port, to));
  }, 5);
  return () => {
    clearInterval(timer);
    sender.close();
  };
}

/** One line of a table, in columns of a width. */
export const row = (...cells: (string | number)[]): string =>
  cells.map((cell, index) => (index === 0 ? `${cell}`.padEnd(34) : `${cell}`.padStart(12))).join("");
