import type { LeaseEnd } from "../vm/request/index.ts";
import type { LedEnd } from "./vpn-peer.ts";

/** Where a provider's end of the tunnel is. */
export interface ProviderTunnel {
  /** WireGuard, base64. */
  publicKey: string;
  /** Where it is heard, when it is the requester who begins; undefined: it comes to the requester. */
  endpoint: { address: string; port: number } | undefined;
}

/** What a provider says to a request. */
export type LeaseAnswer =
  | { is: "admitted"; tunnel: ProviderTunnel }
  /** There is no room yet, or the operator is to decide: more is told as news, `admitted` among it. */
  | { is: "queued"; why: string }
  | { is: "refused"; why: string };

/** What a provider says to a command. */
export type CommandAnswer =
  | { is: "done" }
  /** The requester has no such lease, or has it no more. */
  | { is: "unknown" }
  /** @property beyond the serial that the next command has to go beyond, where the last one did not */
  | { is: "refused"; why: string; beyond: number | undefined };

/** What a provider tells of a lease by itself. */
export type ProviderNews =
  | { is: "queued" | "resumed" | "checkpointed" }
  /** @property place from 1, among those who wait for the same */
  | { is: "waiting"; why: string; place: number }
  /** @property hostKey the machine's own key for SSH, type and base64, from providers that tell it */
  | { is: "running"; hostKey?: string | undefined }
  | { is: "admitted"; tunnel: ProviderTunnel }
  /** @property step "network", "start", "verify", "resume", "guest" */
  | { is: "preparing"; step: string }
  | { is: "suspended" | "notSaved"; why: string }
  | { is: "ended"; outcome: LeaseEnd | "refused"; why: string; hasCheckpoint: boolean };

/**
 * The way to one provider. Both functions throw when nothing can be known of what became of the bytes; they may be given
 * the same bytes again then.
 */
export interface LeaseTransport {
  /**
   * @param bytes a signed lease request. Shown again by its own requester, while its lease lives, it is answered with how that
   *   stands
   */
  request(bytes: Uint8Array): Promise<LeaseAnswer>;
  /** @param bytes a signed lease command */
  command(bytes: Uint8Array): Promise<CommandAnswer>;
  /** Tells of a lease, from now on and how it stands now. @returns a function that ends it */
  events(lease: string, told: (news: ProviderNews) => void): () => void;
  /**
   * Finds the way of a lease's tunnel and follows it when either side moves, from now on. Undefined where this way cannot: the
   * ends reach each other straight.
   * @returns a function that ends it
   */
  lead?(lease: string, end: LedEnd): () => void;
}
