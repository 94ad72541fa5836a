import type { Logger } from "../../host/log.ts";
import type { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import type { LocalInterface } from "./discovery-interface.ts";
import { canonicalIp, isInPrefix } from "./ip-address.ts";
import { ANNOUNCEMENT_TTL_S, decodeMdns, encodeInstance, encodeQuery } from "./mdns-message.ts";
import { type IpFamily, MDNS_PORT, type MulticastSocket, type OpenMulticast } from "./multicast-socket.ts";
import { Publication } from "./publication.ts";
import {
  type Announcement,
  announcementKey,
  MAX_ADDRESSES,
  openAnnouncement,
  sealAnnouncement,
} from "./sealed-announcement.ts";

/** One network, as far as it is told on local links. */
export interface LocalNetwork {
  /** Whatever the owner calls it by; it never leaves the box. */
  id: string;
  /** This box's peer id in it. */
  peer: string;
  /** Those that still hold, 32 bytes each, the newest first. Without any nothing is said or heard. */
  sharedKeys(): readonly Uint8Array[];
  /** 0: does not listen. */
  ports(): { tcp: number; ws: number; udp: number };
}

export interface DiscoveryLinkOptions {
  link: LocalInterface;
  networks(): readonly LocalNetwork[];
  timers: Timers;
  randomBytes(count: number): Uint8Array;
  random(): number;
  limiter: SourceLimiter;
  log: Logger;
  open: OpenMulticast;
  heard(network: string, announcement: Announcement, instance: string, source: string): void;
}

/** A name is used this long, so that nobody follows a box by it from place to place. */
const INSTANCE_LIFE_MS = 3_600_000;
/** When the link comes up: RFC 6762, 5.2. */
const QUERY_AFTER_MS = [20, 1_000, 3_000];
const QUERY_SPREAD_MS = 100;
/** A socket that failed is opened again after this long, and each time after twice as long. */
const REOPEN_MS = 5_000;
const LONGEST_REOPEN_MS = 300_000;

interface Published {
  network: LocalNetwork;
  publication: Publication;
  instance: string;
  bornMs: number;
  /** What it says, to notice changes. */
  says: string;
}

/** Local discovery on one interface. */
export class DiscoveryLink {
  private link: LocalInterface;
  private readonly sockets = new Map<IpFamily, MulticastSocket>();
  private readonly published = new Map<string, Published>();
  private readonly reopenings = new Map<IpFamily, () => void>();
  private readonly reopenMs = new Map<IpFamily, number>();
  private cancelQueries: (() => void)[] = [];
  private ipv4 = "";
  /** The failure that was logged last, so that each is told once. */
  private failure = "";

  constructor(private readonly options: DiscoveryLinkOptions) {
    this.link = options.link;
  }

  start(): void {
    this.update(this.link);
    this.ask();
  }

  /** Says goodbye and closes. @param isGone the interface is no longer there: nothing is said */
  async stop(isGone: boolean): Promise<void> {
    for (const cancel of [...this.cancelQueries, ...this.reopenings.values()]) cancel();
    const goodbyes = [...this.published.values()].map((entry) => this.withdraw(entry, isGone));
    this.published.clear();
    await Promise.all(goodbyes);
    for (const socket of this.sockets.values()) socket.close();
    this.sockets.clear();
  }

  /** Takes the interface as it is now, and the networks. What has changed is announced anew. */
  update(link: LocalInterface): void {
    this.link = link;
    this.reopenMs.clear();
    const ipv4 = link.addresses.find((text) => text.includes("."))?.split("/")[0] ?? "";
    if (ipv4 !== this.ipv4) this.close(4);
    this.ipv4 = ipv4;
    if (ipv4 !== "") this.open(4);
    // IPv6 multicast leaves from a link-local address; the loopback interface has none, and neither has one whose IPv6 is off.
    if (link.addresses.some((text) => isInPrefix(text.split("/")[0] ?? "", "fe80::/10"))) this.open(6);
    else this.close(6);
    this.publish();
  }

  /** Asks who is here, now and twice within the next seconds. */
  ask(): void {
    for (const cancel of this.cancelQueries) cancel();
    this.cancelQueries = QUERY_AFTER_MS.map((delayMs) =>
      this.options.timers.after(
        delayMs + this.options.random() * QUERY_SPREAD_MS,
        () => void this.send(encodeQuery()),
      ),
    );
  }

  private publish(): void {
    const networks = this.options.networks();
    for (const [id, entry] of this.published) {
      if (networks.some((network) => network.id === id)) continue;
      this.published.delete(id);
      void this.withdraw(entry, false);
    }
    for (const network of networks) {
      const known = this.published.get(network.id);
      const says = this.wordsOf(network);
      if (known?.says === says) continue;
      if (known) {
        this.renew(known, network, says);
        known.publication.start();
        continue;
      }
      const entry: Published = {
        network,
        instance: this.newInstance(),
        bornMs: this.options.timers.monotonicMs(),
        says,
        publication: new Publication({
          timers: this.options.timers,
          random: this.options.random,
          send: () => void this.announce(entry),
        }),
      };
      this.published.set(network.id, entry);
      entry.publication.start();
    }
  }

  private renew(entry: Published, network: LocalNetwork, says: string): void {
    entry.network = network;
    entry.says = says;
    entry.instance = this.newInstance();
    entry.bornMs = this.options.timers.monotonicMs();
  }

  private announce(entry: Published): Promise<void> {
    const says = this.wordsOf(entry.network);
    const isOld = this.options.timers.monotonicMs() - entry.bornMs > INSTANCE_LIFE_MS;
    if (isOld || says !== entry.says) this.renew(entry, entry.network, says);
    return this.say(entry, false);
  }

  private async withdraw(entry: Published, isGone: boolean): Promise<void> {
    entry.publication.stop();
    if (!isGone) await this.say(entry, true);
  }

  private async say(entry: Published, isGoodbye: boolean): Promise<void> {
    const key = entry.network.sharedKeys()[0];
    if (key === undefined) return;
    const sealed = sealAnnouncement(
      { ...this.announcementOf(entry.network), isGoodbye },
      announcementKey(key),
      entry.instance,
      this.options.randomBytes(24),
    );
    const ttlS = isGoodbye ? 0 : ANNOUNCEMENT_TTL_S;
    await this.send(encodeInstance({ instance: entry.instance, ttlS, sealed }));
  }

  private announcementOf(network: LocalNetwork): Announcement {
    const ports = network.ports();
    return {
      publicKey: publicKeyOf(network.peer),
      tcpPort: ports.tcp,
      wsPort: ports.ws,
      udpPort: ports.udp,
      addresses: toldAddresses(this.link),
      isGoodbye: false,
    };
  }

  private wordsOf(network: LocalNetwork): string {
    const { tcpPort, wsPort, udpPort, addresses } = this.announcementOf(network);
    const key = network.sharedKeys()[0];
    return JSON.stringify([
      network.peer,
      tcpPort,
      wsPort,
      udpPort,
      addresses,
      key && Buffer.from(key).toString("hex"),
    ]);
  }

  private newInstance(): string {
    return Buffer.from(this.options.randomBytes(8)).toString("hex");
  }

  private async send(message: Uint8Array): Promise<void> {
    await Promise.all([...this.sockets.values()].map((socket) => socket.send(message)));
  }

  private open(family: IpFamily): void {
    if (this.sockets.has(family)) return;
    this.reopenings.get(family)?.();
    this.reopenings.delete(family);
    const socket = this.options.open(
      family,
      { interface: this.link.name, address: this.ipv4 },
      {
        message: (datagram, from) => this.take(family, datagram, from),
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
      const fields = { interface: this.link.name, family, error };
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
        this.options.log.debug(fields, "local discovery is hindered");
      } else this.options.log.warn(fields, `another program keeps port ${MDNS_PORT} to itself`);
    }
    this.close(family);
    const waitMs = this.reopenMs.get(family) ?? REOPEN_MS;
    this.reopenMs.set(family, Math.min(waitMs * 2, LONGEST_REOPEN_MS));
    this.reopenings.set(
      family,
      this.options.timers.after(waitMs, () => {
        this.reopenings.delete(family);
        this.open(family);
        this.ask();
        for (const { publication } of this.published.values()) publication.asked();
      }),
    );
  }

  private take(family: IpFamily, datagram: Uint8Array, from: { address: string; port: number }): void {
    // RFC 6762, 6: what comes from another port is no answer; questions from there ask for answers to one, which we do not give.
    if (from.port !== MDNS_PORT || !this.isOnThisLink(family, from.address)) return;
    const { limiter, timers } = this.options;
    const message = decodeMdns(datagram);
    if (message === undefined || !limiter.takes(`${this.link.name} ${from.address}`, timers.monotonicMs()))
      return;
    if (message.kind === "query") {
      for (const { publication, instance } of this.published.values()) {
        if (!message.known.includes(instance)) publication.asked();
      }
      return;
    }
    for (const { instance, sealed } of message.instances) {
      if (![...this.published.values()].some((entry) => entry.instance === instance)) {
        this.unseal(sealed, instance, from.address);
      }
    }
  }

  private unseal(sealed: Uint8Array, instance: string, source: string): void {
    for (const network of this.options.networks()) {
      for (const key of network.sharedKeys()) {
        const announcement = openAnnouncement(sealed, announcementKey(key), instance);
        if (announcement === undefined) continue;
        this.options.heard(network.id, announcement, instance, source);
        return;
      }
    }
  }

  /** Sockets of all interfaces get every datagram: it is this link's if its sender's address is. RFC 6762, 11. */
  private isOnThisLink(family: IpFamily, address: string): boolean {
    const plain = canonicalIp(address);
    if (plain === undefined) return false;
    const isOurs = this.link.addresses.some((own) => canonicalIp(own.split("/")[0] ?? "") === plain);
    if (isOurs && this.link.kind !== "loopback") return false;
    if (family === 4) return this.link.addresses.some((own) => isInPrefix(plain, own));
    return isInPrefix(plain, "fe80::/10") && address.split("%")[1] === this.link.name;
  }
}

/** The interface's own addresses, those of the link first, which hold longest and reach nobody else. */
export function toldAddresses(link: LocalInterface): string[] {
  const plain = link.addresses.map((text) => text.split("/")[0] ?? "");
  const isOfLink = (address: string) => isInPrefix(address, "fe80::/10");
  return [...plain.filter(isOfLink), ...plain.filter((address) => !isOfLink(address))].slice(
    0,
    MAX_ADDRESSES,
  );
}
