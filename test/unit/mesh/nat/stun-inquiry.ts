import { canonicalIp } from "../../../../src/host/ip-address.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import {
  BINDING,
  decodeStun,
  encodeStun,
  mappedAddressOf,
  TRANSACTION_ID_BYTES,
} from "../../../../src/mesh/nat/stun.ts";
import { type Endpoint, endpointText } from "../../../../src/mesh/paths/endpoint.ts";

export interface StunInquiryOptions {
  timers: Timers;
  /** Transaction ids come from it; whoever can guess them can answer for the one who was asked. */
  randomBytes(count: number): Uint8Array;
  /** Hands a request to the socket whose mapping is of interest. */
  send(datagram: Uint8Array, to: Endpoint): void;
}

interface Open {
  to: Endpoint;
  cancel(): void;
  settle(seen: Endpoint | undefined): void;
}

/** RFC 8489, 6.2.1, with fewer tries: who has not answered by 3.5 s is asked again some other time. */
const WAITS_MS = [500, 1_000, 2_000];
const MAX_OPEN = 16;

/** Asks others how they see a socket (RFC 8489, client side). */
export class StunInquiry {
  private readonly open = new Map<string, Open>();

  constructor(private readonly options: StunInquiryOptions) {}

  /** Resolves with what `server` sees, or with undefined when it does not answer or answers with an error. */
  ask(server: Endpoint): Promise<Endpoint | undefined> {
    if (this.open.size >= MAX_OPEN) return Promise.resolve(undefined);
    const transactionId = this.options.randomBytes(TRANSACTION_ID_BYTES);
    const key = Buffer.from(transactionId).toString("hex");
    const request = encodeStun({ class: "request", method: BINDING, transactionId, attributes: [] }, true);
    return new Promise((resolve) => {
      const entry: Open = {
        to: server,
        cancel: () => undefined,
        settle: (seen) => {
          entry.cancel();
          this.open.delete(key);
          resolve(seen);
        },
      };
      this.open.set(key, entry);
      this.send(request, entry, 0);
    });
  }

  /** Takes a datagram. @returns whether it was an answer to a question of ours */
  take(datagram: Uint8Array, from: Endpoint): boolean {
    const message = decodeStun(datagram);
    if (message === undefined || (message.class !== "success" && message.class !== "error")) return false;
    const entry = this.open.get(Buffer.from(message.transactionId).toString("hex"));
    // Another than was asked may not answer.
    if (entry === undefined || textOf(entry.to) !== textOf(from)) return false;
    entry.settle(message.class === "success" ? mappedAddressOf(message) : undefined);
    return true;
  }

  stop(): void {
    for (const entry of [...this.open.values()]) entry.settle(undefined);
  }

  private send(request: Uint8Array, entry: Open, attempt: number): void {
    const waitMs = WAITS_MS[attempt];
    if (waitMs === undefined) {
      entry.settle(undefined);
      return;
    }
    this.options.send(request, entry.to);
    entry.cancel = this.options.timers.after(waitMs, () => this.send(request, entry, attempt + 1));
  }
}

const textOf = ({ address, port }: Endpoint): string =>
  endpointText({ address: canonicalIp(address) ?? address, port });
