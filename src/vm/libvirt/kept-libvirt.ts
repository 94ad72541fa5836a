import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { Libvirt } from "./libvirt.ts";
import { LibvirtUnavailableError } from "./libvirt-error.ts";
import type { DomainInfo } from "./libvirt-protocol.ts";

/** What a connection can do that is kept. */
export type LibvirtCalls = Pick<
  Libvirt,
  "create" | "suspend" | "resume" | "destroy" | "list" | "stats" | "save" | "restore" | "host"
>;

export interface KeptLibvirtOptions {
  /** Makes a connection. @param closed to be called when it is lost */
  connect(closed: (reason: string) => void): Promise<LibvirtCalls & Pick<Libvirt, "close">>;
  /** Connected anew, after it was lost: what there is now. Meanwhile no event was told. */
  onBack(domains: readonly DomainInfo[]): void;
  timers: Timers;
  log: Logger;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

/**
 * A connection to libvirt that is made anew whenever it is lost. While there is none everything asked of it fails with
 * `LibvirtUnavailableError`: nothing waits, as its callers try again by themselves.
 */
export class KeptLibvirt implements LibvirtCalls {
  private connection: (LibvirtCalls & Pick<Libvirt, "close">) | undefined;
  private lostWhy = "not connected yet";
  private callOff: (() => void) | undefined;
  private isWanted = false;
  private connecting: Promise<void> = Promise.resolve();

  constructor(private readonly options: KeptLibvirtOptions) {}

  /** @throws when there is no first connection; it is not tried again then */
  async start(): Promise<void> {
    this.isWanted = true;
    try {
      await this.connect();
    } catch (error) {
      this.isWanted = false;
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.isWanted = false;
    this.callOff?.();
    await this.connecting.catch(() => undefined);
    const { connection } = this;
    this.connection = undefined;
    await connection?.close().catch(() => undefined);
  }

  /** Why nothing can be asked now; undefined while it can. */
  trouble(): string | undefined {
    return this.connection ? undefined : this.lostWhy;
  }

  create(...of: Parameters<Libvirt["create"]>) {
    return this.now.create(...of);
  }

  suspend(name: string) {
    return this.now.suspend(name);
  }

  resume(name: string) {
    return this.now.resume(name);
  }

  destroy(name: string) {
    return this.now.destroy(name);
  }

  list() {
    return this.now.list();
  }

  stats() {
    return this.now.stats();
  }

  save(name: string, path: string) {
    return this.now.save(name, path);
  }

  restore(path: string) {
    return this.now.restore(path);
  }

  host() {
    return this.now.host();
  }

  /** Asked in a promise's place: what it throws is a rejection to whoever awaits it. */
  private get now(): LibvirtCalls {
    if (this.connection) return this.connection;
    const gone = () => Promise.reject(new LibvirtUnavailableError(this.lostWhy));
    return {
      ...{ create: gone, suspend: gone, resume: gone, destroy: gone, list: gone },
      ...{ stats: gone, save: gone, restore: gone, host: gone },
    };
  }

  private connect(): Promise<void> {
    const made = this.makeConnection();
    this.connecting = made;
    return made;
  }

  private async makeConnection(): Promise<void> {
    let isLost: string | undefined;
    let made: typeof this.connection;
    made = await this.options.connect((reason) => {
      isLost = reason;
      if (made && this.connection === made) this.lose(reason);
    });
    if (!this.isWanted || isLost !== undefined) await made.close().catch(() => undefined);
    if (!this.isWanted) return;
    if (isLost !== undefined) throw new LibvirtUnavailableError(isLost);
    this.connection = made;
  }

  private lose(reason: string): void {
    const lost = this.connection;
    this.connection = undefined;
    this.lostWhy = `libvirt is gone: ${reason}`;
    if (!this.isWanted) return;
    this.options.log.warn(`${this.lostWhy}; connecting again`);
    void lost?.close().catch(() => undefined);
    this.again(FIRST_WAIT_MS);
  }

  private again(waitMs: number): void {
    const { timers, log, onBack } = this.options;
    this.callOff = timers.after(waitMs, async () => {
      try {
        // One that was made and has not said what there is is asked once more.
        if (!this.connection) await this.connect();
        const asked = this.connection;
        if (!asked) return;
        const domains = await asked.list();
        // Lost meanwhile: that has begun another round.
        if (this.connection !== asked) return;
        onBack(domains);
        log.info("libvirt is back");
      } catch (error) {
        log.debug({ error }, "libvirt does not answer yet");
        if (this.isWanted && this.callOff === callOff) this.again(Math.min(2 * waitMs, LONGEST_WAIT_MS));
      }
    });
    const { callOff } = this;
  }
}
