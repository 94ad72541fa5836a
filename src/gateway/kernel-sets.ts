import { applyNft, type NftCommand } from "../host/nft.ts";
import type { Station } from "./backend.ts";
import { type Admitted, admitCommands, expelCommands } from "./firewall/index.ts";

const keyOf = ({ mac, ipv4 }: Station): string => `${mac} ${ipv4}`;

/** Changes to the kernel's tables, one after the other; guests who come and go at the same time share a transaction. */
export class KernelSets {
  private queue: Promise<void> = Promise.resolve();
  private readonly admitting = new Map<string, Admitted>();
  private readonly expelling = new Map<string, Station>();
  private flushing: Promise<void> | undefined;

  /** @param commands made when their turn has come, from what is true then */
  apply(commands: () => NftCommand[]): Promise<void> {
    const done = this.queue.then(() => applyNft(commands()));
    this.queue = done.catch(() => undefined);
    return done;
  }

  admit(guests: readonly Admitted[]): Promise<void> {
    for (const guest of guests) {
      this.expelling.delete(keyOf(guest));
      this.admitting.set(keyOf(guest), guest);
    }
    return this.flushSoon();
  }

  expel(guests: readonly Station[]): Promise<void> {
    for (const guest of guests) {
      this.admitting.delete(keyOf(guest));
      this.expelling.set(keyOf(guest), guest);
    }
    return this.flushSoon();
  }

  /** Kept when nothing is under way. */
  settled(): Promise<void> {
    return this.queue;
  }

  private flushSoon(): Promise<void> {
    this.flushing ??= this.apply(() => {
      this.flushing = undefined;
      const commands = [
        ...expelCommands([...this.expelling.values()]),
        ...admitCommands([...this.admitting.values()]),
      ];
      this.admitting.clear();
      this.expelling.clear();
      return commands;
    });
    return this.flushing;
  }
}
