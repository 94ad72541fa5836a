// Somebody on the same link with bad intentions and no key: one attack at a time on a box's ports, told on one line of JSON.
import { randomBytes } from "node:crypto";
import { BINDING, encodeStun, TRANSACTION_ID_BYTES } from "../../src/mesh/nat/stun.ts";

export const ATTACKS = ["garbage", "loris", "crowd", "oversized", "datagrams", "stun", "mdns"] as const;
export type Attack = (typeof ATTACKS)[number];

export interface AttackPlan {
  attack: Attack;
  ip: string;
  /** The attacker's own address, by which multicast leaves. */
  own: string;
  ports: { tcp: number; ws: number; udp: number };
  forMs: number;
}

export interface AttackReport {
  /** Connections that came about, and of these that were closed by the box before the attack was over. */
  connected: number;
  closed: number;
  bytesSent: number;
  datagramsSent: number;
  bytesGot: number;
}

const MDNS = { address: "224.0.0.251", port: 5_353 };
const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: box",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  "",
  "",
].join("\r\n");

class Attacker {
  readonly report: AttackReport = { connected: 0, closed: 0, bytesSent: 0, datagramsSent: 0, bytesGot: 0 };
  private readonly endsAtMs: number;

  constructor(private readonly plan: AttackPlan) {
    this.endsAtMs = performance.now() + plan.forMs;
  }

  async run(): Promise<AttackReport> {
    const { tcp, ws, udp } = this.plan.ports;
    switch (this.plan.attack) {
      case "garbage":
        // A few at a time, again and again, of every size.
        await Promise.all([
          ...this.many(2, (round) => this.talk(tcp, [randomBytes(2 ** (round % 21))], 100)),
          ...this.many(2, (round) => this.talk(ws, [randomBytes(2 ** (round % 21))], 100)),
        ]);
        break;
      case "loris":
        await Promise.all([
          ...this.many(25, () => this.drip(tcp, randomBytes(60))),
          ...this.many(25, () => this.drip(ws, Buffer.from(UPGRADE))),
        ]);
        break;
      case "crowd":
        await Promise.all(Array.from({ length: 500 }, (_, index) => this.talk(index % 2 ? ws : tcp, [])));
        break;
      case "oversized":
        await Promise.all([
          ...this.many(2, () => this.talk(ws, [Buffer.from(UPGRADE), oversizedFrame()])),
          ...this.many(1, () => this.talk(ws, [Buffer.from(`GET / HTTP/1.1\r\nX: ${"y".repeat(2 ** 20)}`)])),
          ...this.many(1, () => this.talk(tcp, [Buffer.alloc(2 ** 22, 0xff)])),
        ]);
        break;
      case "datagrams":
        await this.flood({ address: this.plan.ip, port: udp }, (round) => {
          const datagram = randomBytes(1 + (round % 1_400));
          datagram[0] = round % 256;
          return datagram;
        });
        break;
      case "stun":
        await this.flood({ address: this.plan.ip, port: udp }, () =>
          encodeStun(
            {
              class: "request",
              method: BINDING,
              transactionId: randomBytes(TRANSACTION_ID_BYTES),
              attributes: [],
            },
            false,
          ),
        );
        break;
      case "mdns":
        await this.flood(MDNS, (round) => mdnsGarbage(round));
        break;
    }
    return this.report;
  }

  /** So many one after the other at a time, until it is over. */
  private *many(count: number, attack: (round: number) => Promise<void>): Generator<Promise<void>> {
    const again = async (start: number) => {
      for (let round = start; performance.now() < this.endsAtMs; round += count) {
        await attack(round);
        await Bun.sleep(5);
      }
    };
    for (let start = 0; start < count; start += 1) yield again(start);
  }

  /** Says it all at once, and stays until it is put out or its time is over. */
  private async talk(port: number, words: readonly Uint8Array[], stayMs = this.plan.forMs): Promise<void> {
    const socket = await this.connect(port);
    if (!socket) return;
    for (const word of words) {
      let rest = word;
      while (rest.length > 0 && !socket.isClosed && performance.now() < this.endsAtMs) {
        const sent = socket.write(rest);
        this.report.bytesSent += sent;
        rest = rest.subarray(sent);
        if (rest.length > 0) await Bun.sleep(10);
      }
      await Bun.sleep(20);
    }
    await this.untilClosed(socket, stayMs);
  }

  /** One byte every half second. */
  private async drip(port: number, words: Uint8Array): Promise<void> {
    const socket = await this.connect(port);
    if (!socket) return;
    for (const byte of words) {
      if (socket.isClosed || performance.now() > this.endsAtMs) break;
      this.report.bytesSent += socket.write(Uint8Array.of(byte));
      await Bun.sleep(500);
    }
    await this.untilClosed(socket);
  }

  private async connect(port: number) {
    const state = { isClosed: false, write: (_: Uint8Array): number => 0, end: () => {} };
    try {
      const socket = await Bun.connect({
        hostname: this.plan.ip,
        port,
        socket: {
          data: (_, data) => {
            this.report.bytesGot += data.length;
          },
          close: () => {
            if (performance.now() < this.endsAtMs) this.report.closed += 1;
            state.isClosed = true;
          },
          error: () => {
            state.isClosed = true;
          },
        },
      });
      this.report.connected += 1;
      state.write = (bytes) => Math.max(0, socket.write(bytes));
      state.end = () => void socket.end();
      return state;
    } catch {
      return undefined;
    }
  }

  private async untilClosed(
    socket: { isClosed: boolean; end: () => void },
    stayMs = this.plan.forMs,
  ): Promise<void> {
    const untilMs = Math.min(this.endsAtMs, performance.now() + stayMs);
    while (!socket.isClosed && performance.now() < untilMs) await Bun.sleep(50);
    socket.end();
  }

  /** As many as the socket takes. */
  private async flood(
    to: { address: string; port: number },
    make: (round: number) => Uint8Array,
  ): Promise<void> {
    const socket = await Bun.udpSocket({
      hostname: this.plan.own,
      socket: {
        data: (_, data) => {
          this.report.bytesGot += data.length;
        },
      },
    });
    for (let round = 0; performance.now() < this.endsAtMs; ) {
      for (let burst = 0; burst < 200; burst += 1, round += 1) {
        const datagram = make(round);
        if (!socket.send(datagram, to.port, to.address)) break;
        this.report.datagramsSent += 1;
        this.report.bytesSent += datagram.length;
      }
      await Bun.sleep(1);
    }
    socket.close();
  }
}

/** A masked frame that says it is as long as a frame can be (RFC 6455, 5.2), and a little of it. */
function oversizedFrame(): Uint8Array {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeBigUInt64BE(2n ** 62n, 2);
  return Buffer.concat([head, randomBytes(200_000)]);
}

/** Answers of this service that are cut, torn, or no DNS at all, with names that point at themselves. */
function mdnsGarbage(round: number): Uint8Array {
  if (round % 3 === 0) return randomBytes(round % 1_400);
  const header = Buffer.from([0, 0, 0x84, 0, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
  const pointer = Buffer.from([0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 0, 1, 0xff, 0xff]);
  return Buffer.concat([header, pointer, randomBytes(round % 500)]);
}

if (import.meta.main) {
  const report = await new Attacker(JSON.parse(process.argv[2] ?? "{}") as AttackPlan).run();
  console.log(JSON.stringify(report));
  process.exit(0);
}
