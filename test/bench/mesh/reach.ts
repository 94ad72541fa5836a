import type { LabHost } from "../../lab/lab.ts";
import { withNetworkOf } from "../../lab/network-namespace.ts";

const PORT = 7_777;
const ASK_EVERY_MS = 100;
/** What a question is at least asked again after, so that a hundred hosts do not ask each other all at once. */
const QUESTIONS_A_ROUND = 2_000;
const ASK = 0;
const ANSWER = 1;

/** One host that is asked, by the address that it has in the mesh. */
export interface Reachable {
  host: LabHost;
  address: string;
}

/**
 * Asks hosts whether they reach each other, as ping does, by datagrams whose sockets stand in their namespaces: ten
 * thousand pairs without a single program being started.
 */
export class Reach {
  private readonly sockets: Bun.udp.Socket<"buffer">[] = [];
  /** Pairs, as asker × hosts + asked, that have had an answer. */
  private readonly answered = new Set<number>();
  private onAnswer: (asker: number, asked: number) => void = () => {};

  constructor(private readonly hosts: readonly Reachable[]) {}

  async open(): Promise<this> {
    for (const [index, { host, address }] of this.hosts.entries()) {
      const socket = await withNetworkOf(host, () =>
        Bun.udpSocket({
          hostname: address,
          port: PORT,
          binaryType: "buffer",
          socket: {
            data: (from, data, port, sender) => this.heard(index, from, data, port, sender),
            error() {},
          },
        }),
      );
      this.sockets.push(socket);
    }
    return this;
  }

  close(): void {
    for (const socket of this.sockets.splice(0)) socket.close();
  }

  /** @returns how long it took until every host had an answer of every other. @throws after `timeoutMs`, with how many pairs had one */
  async allPairs(timeoutMs: number): Promise<number> {
    const start = performance.now();
    const count = this.hosts.length;
    const pairs = Array.from({ length: count * count }, (_, pair) => pair).filter(
      (pair) => pair % count !== Math.floor(pair / count),
    );
    this.answered.clear();
    let last = start;
    this.onAnswer = (asker, asked) => {
      this.answered.add(asker * count + asked);
      last = performance.now();
    };
    for (let next = 0; ; ) {
      const left = pairs.filter((pair) => !this.answered.has(pair));
      if (left.length === 0) return last - start;
      if (performance.now() - start > timeoutMs) {
        throw new Error(`${pairs.length - left.length} of ${pairs.length} pairs in ${timeoutMs} ms`);
      }
      const asked = Math.min(QUESTIONS_A_ROUND, left.length);
      for (let index = 0; index < asked; index += 1) {
        const pair = left[(next + index) % left.length] ?? 0;
        this.ask(Math.floor(pair / count), pair % count);
      }
      next += asked;
      await Bun.sleep(ASK_EVERY_MS);
    }
  }

  /**
   * Asks every 50 ms, and lets something happen once answers come.
   * @returns the longest time between two answers, in ms: of the whole while if none came any more
   */
  async longestGap(
    asker: number,
    asked: number,
    happen: () => Promise<unknown>,
    forMs: number,
  ): Promise<number> {
    let last = performance.now();
    let gap = 0;
    const took = () => performance.now() - last;
    this.onAnswer = (from, to) => {
      if (from !== asker || to !== asked) return;
      gap = Math.max(gap, took());
      last = performance.now();
    };
    const timer = setInterval(() => this.ask(asker, asked), 50);
    await Bun.sleep(1_000);
    gap = 0;
    last = performance.now();
    await happen();
    await Bun.sleep(forMs);
    clearInterval(timer);
    return Math.max(gap, took());
  }

  private ask(asker: number, asked: number): void {
    const question = Buffer.alloc(5);
    question.writeUInt16LE(asker, 1);
    question.writeUInt16LE(asked, 3);
    const { address } = this.hosts[asked] ?? { address: "::" };
    send(this.sockets[asker], question, PORT, address);
  }

  private heard(
    index: number,
    socket: Bun.udp.Socket<"buffer">,
    data: Buffer,
    port: number,
    sender: string,
  ): void {
    if (data.length !== 5) return;
    const [asker, asked] = [data.readUInt16LE(1), data.readUInt16LE(3)];
    if (data[0] === ANSWER && asker === index) this.onAnswer(asker, asked);
    if (data[0] !== ASK || asked !== index) return;
    const answer = Buffer.from(data);
    answer[0] = ANSWER;
    send(socket, answer, port, sender);
  }
}

/** What has no route yet is asked again later. */
function send(socket: Bun.udp.Socket<"buffer"> | undefined, data: Buffer, port: number, to: string): void {
  try {
    socket?.send(data, port, to);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!/^(E(NET|HOST)UNREACH|ENOBUFS|EAGAIN|ECONNREFUSED|EACCES|EPERM|ENETDOWN|EINVAL)$/.test(code))
      throw error;
  }
}
