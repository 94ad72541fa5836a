import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { KeptEnd } from "../../mesh/tunnels/kept-end.ts";
import type { Lender } from "../lending/index.ts";

/** An offer by the mesh to find the way of a lease's tunnel. */
export interface LeaseOffer {
  /** Of the mesh's tunnel. */
  id: string;
  /** Of the other end's WireGuard, base64. */
  key: string;
}

/** What of a network's tunnels is needed: `src/mesh` has all of it. */
export interface LeaseTunnels {
  serveLeases(ends: (lease: string, offer: LeaseOffer) => Promise<KeptEnd | undefined>): () => void;
  close(id: string, reason: string): Promise<void>;
}

/** A network of the mesh that runs; without the rights that tunnels need it has none. */
export interface PathNetwork {
  readonly tunnels: LeaseTunnels | undefined;
}

export interface LeasePathsOptions {
  lender: Pick<Lender, "tunnelEnd" | "events">;
  /** As for {@link LeaseMesh}. */
  networks: {
    onNetworks(listener: { began(network: PathNetwork): void; ended(id: string): void }): () => void;
  };
  log: Logger;
}

/**
 * The provider's side of leases' tunnels between NATs. Their requesters' boxes offer to find the way, by the lease's id, which
 * nobody else knows, and its requester's key; the mesh then points the lease's own WireGuard at wherever that is, until the lease
 * is over.
 */
export class LeasePaths implements Part {
  readonly name = "ways of leases";
  private end: (() => void) | undefined;
  private readonly serving = new Map<LeaseTunnels, () => void>();
  /** By lease: lets the mesh's tunnel go. */
  private readonly led = new Map<string, (reason: string) => void>();

  constructor(private readonly options: LeasePathsOptions) {}

  async start(): Promise<void> {
    this.end ??= this.options.networks.onNetworks({
      began: ({ tunnels }) => {
        if (!tunnels) return;
        this.serving.set(
          tunnels,
          tunnels.serveLeases((lease, offer) => this.take(tunnels, lease, offer)),
        );
      },
      ended: () => {},
    });
  }

  /** What is led is led no more: the tunnels stay where they are until their leases end. */
  async stop(): Promise<void> {
    this.end?.();
    this.end = undefined;
    for (const stop of this.serving.values()) stop();
    this.serving.clear();
    for (const letGo of [...this.led.values()]) letGo("the box lends nothing any more");
  }

  detail(): string {
    return `of ${this.led.size} ${this.led.size === 1 ? "lease" : "leases"} the mesh looks after the way`;
  }

  private async take(
    tunnels: LeaseTunnels,
    lease: string,
    { id, key }: LeaseOffer,
  ): Promise<KeptEnd | undefined> {
    const { lender, log } = this.options;
    const end = await lender.tunnelEnd(lease, key);
    if (!end || this.end === undefined) return undefined;
    // Its requester, or the requester's box, has begun anew: two would point it to and fro.
    this.led.get(lease)?.("another has taken its place");
    let stopListening = () => {};
    const letGo = (reason: string) => {
      stopListening();
      if (this.led.get(lease) === letGo) this.led.delete(lease);
      tunnels
        .close(id, reason)
        .catch((error) => log.warn({ error }, `lease ${lease}: its way is not let go`));
    };
    this.led.set(lease, letGo);
    let isOver = false;
    stopListening = lender.events(lease, ({ is }) => {
      if (is !== "ended") return;
      isOver = true;
      letGo("the lease is over");
    });
    // It may have told so before it could be let go.
    if (isOver) stopListening();
    return isOver ? undefined : end;
  }
}
