import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { type IpFamily, MDNS_PORT, type MulticastSocket, type OpenMulticast } from "./multicast-socket.ts";

export interface LinkSocketsOptions {
  interface: string;
  timers: Timers;
  log: Logger;
  open: OpenMulticast;
  /** @param from IPv6 link-local addresses with their zone: "fe80::1%eth0" */
  message(family: IpFamily, datagram: Uint8Array, from: { address: string; port: number }): void;
  /** A socket that had failed is open again. */
  reopened(): void;
}

/** A socket that failed is opened again after this long, and each time after twice as long. */
const REOPEN_MS = 5_000;
const LONGEST_REOPEN_MS = 300_000;

/** One interface's sockets for multicast DNS, one for each IP family that it has an address of; opened again when they fail. */
export class LinkSockets {
  private readonly sockets = new Map<IpFamily, MulticastSocket>();
  private readonly reopenings = new Map<IpFamily, () => void>();
  private readonly reopenMs = new Map<IpFamily, number>();
  private ipv4 = "";
  /** The failure that was logged last, so that each is told once. */
  private failure = "";

  constructor(private readonly options: LinkSocketsOptions) {}

  /**
   * Opens and closes as the interface's addresses want it.
   * @param ipv4 its address, by which IPv4 names interfaces; "" where it has none
   * @param hasLinkLocal IPv6 multicast leaves from a link-local address
   */
  update(ipv4: string, hasLinkLocal: boolean): void {
    this.reopenMs.clear();
    if (ipv4 !== this.ipv4) this.close(4);
    this.ipv4 = ipv4;
    if (ipv4 !== "") this.open(4);
    if (hasLinkLocal) this.open(6);
    else this.close(6);
  }

  async send(message: Uint8Array): Promise<void> {
    await Promise.all([...this.sockets.values()].map((socket) => socket.send(message)));
  }

  /** What failed is not opened again; what is open stays so. */
  stopReopening(): void {
    for (const cancel of this.reopenings.values()) cancel();
    this.reopenings.clear();
  }

  closeAll(): void {
    for (const socket of this.sockets.values()) socket.close();
    this.sockets.clear();
  }

  private open(family: IpFamily): void {
    if (this.sockets.has(family)) return;
    this.reopenings.get(family)?.();
    this.reopenings.delete(family);
    const socket = this.options.open(
      family,
      { interface: this.options.interface, address: this.ipv4 },
      {
        message: (datagram, from) => this.options.message(family, datagram, from),
        failed: (error) => this.failed(family, error),
      },
    );
    this.sockets.set(family, socket);
  }

  private close(family: IpFamily): void {
    this.reopenings.get(family)?.();
    this.reopenings.delete(family);
    this.sockets.get(family)?.close();
    this.sockets.delete(family);
  }

  /** Opened anew a little later: the interface may have got its address by then, or another program have let the port go. */
  private failed(family: IpFamily, error: Error): void {
    if (this.failure !== error.message) {
      this.failure = error.message;
      const fields = { interface: this.options.interface, family, error };
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
        this.options.log.debug(fields, "local discovery is hindered");
      } else this.options.log.warn(fields, `another program keeps port ${MDNS_PORT} to itself`);
    }
    this.close(family);
    const waitMs = this.reopenMs.get(family) ?? REOPEN_MS;
    this.reopenMs.set(family, Math.min(waitMs * 2, LONGEST_REOPEN_MS));
    const reopen = () => {
      this.reopenings.delete(family);
      this.open(family);
      this.options.reopened();
    };
    this.reopenings.set(family, this.options.timers.after(waitMs, reopen));
  }
}
