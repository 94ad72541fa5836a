import type { Timers } from "../../host/timers.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import type { KeptEnd } from "../tunnels/kept-end.ts";
import type { PeerSettings } from "../tunnels/wireguard-device.ts";
import type { WireGuardPeer, WireGuardStatus } from "../tunnels/wireguard-dump.ts";

/** What the program that has the interface is to do, and then answers with what WireGuard knows of the peer. */
export type EndOrder =
  /** @property fresh forget the session first @property endpoint undefined: where it was */
  | { order: number; do: "point"; endpoint?: Endpoint; fresh: boolean }
  /** Send a keepalive at once. */
  | { order: number; do: "stir" }
  | { order: number; do: "look" };

export interface EndAnswer {
  order: number;
  /** undefined: the interface has gone. */
  peer?: Omit<WireGuardPeer, "publicKey"> | undefined;
}

/** The program does not do what the end of its tunnel is to do. */
export class RemoteEndError extends Error {
  override readonly name = "RemoteEndError";
}

const ANSWER_WITHIN_MS = 5_000;
/** A tunnel asks one thing after the other, and its prober another: more wait for nobody. */
const MOST_UNANSWERED = 16;

/** An end whose interface a program on this box has, which is told over a stream what to do with it. */
export class RemoteEnd implements KeptEnd {
  private readonly waiting = new Map<number, (answer: EndAnswer) => void>();
  /** Tells those who wait that nobody will answer. */
  private readonly gone = new AbortController();
  private last = 0;

  constructor(
    private readonly about: Pick<KeptEnd, "name" | "publicKey" | "listenPort" | "peerKey">,
    private readonly tell: (order: EndOrder) => void,
    private readonly timers: Timers,
  ) {}

  get name(): string {
    return this.about.name;
  }

  get publicKey(): string {
    return this.about.publicKey;
  }

  get listenPort(): number {
    return this.about.listenPort;
  }

  get peerKey(): string {
    return this.about.peerKey;
  }

  async setPeer({ endpoint, fresh }: PeerSettings): Promise<void> {
    await this.order({ do: "point", fresh, ...(endpoint ? { endpoint } : {}) });
  }

  async stir(): Promise<WireGuardStatus | undefined> {
    return this.statusOf(await this.order({ do: "stir" }));
  }

  async status(): Promise<WireGuardStatus | undefined> {
    return this.statusOf(await this.order({ do: "look" }));
  }

  /** @returns whether it was waited for */
  take(answer: EndAnswer): boolean {
    const resolve = this.waiting.get(answer.order);
    this.waiting.delete(answer.order);
    resolve?.(answer);
    return resolve !== undefined;
  }

  /** The program has gone, or is told nothing any more: whoever waits for it need not. */
  leave(): void {
    this.gone.abort();
  }

  private order(what: Unnumbered<EndOrder>): Promise<EndAnswer> {
    const { signal } = this.gone;
    if (signal.aborted || this.waiting.size >= MOST_UNANSWERED)
      throw new RemoteEndError(`${this.name}: nobody answers`);
    this.last += 1;
    const order = this.last;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        callOff();
        signal.removeEventListener("abort", left);
        this.waiting.delete(order);
        end();
      };
      const failed = (why: string) => settle(() => reject(new RemoteEndError(`${this.name}: ${why}`)));
      const left = () => failed("nobody answers");
      const callOff = this.timers.after(ANSWER_WITHIN_MS, () =>
        failed(`no answer within ${ANSWER_WITHIN_MS} ms`),
      );
      signal.addEventListener("abort", left);
      this.waiting.set(order, (answer) => settle(() => resolve(answer)));
      this.tell({ ...what, order });
    });
  }

  private statusOf({ peer }: EndAnswer): WireGuardStatus | undefined {
    return peer && { listenPort: this.listenPort, peer: { ...peer, publicKey: this.peerKey } };
  }
}

type Unnumbered<T> = T extends { order: number } ? Omit<T, "order"> : never;
