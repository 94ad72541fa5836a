import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import type { Logger } from "../../host/log.ts";
import { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import type { LocalInterface } from "./discovery-interface.ts";
import { LinkSockets } from "./link-sockets.ts";
import { announcementOf, type LocalNetwork, wordsOf } from "./local-network.ts";
import {
  ANNOUNCEMENT_TTL_S,
  decodeMdns,
  encodeInstance,
  encodeQuery,
  type MdnsMessage,
  mayConcernUs,
} from "./mdns-message.ts";
import { type IpFamily, MDNS_PORT, type OpenMulticast } from "./multicast-socket.ts";
import { Publication } from "./publication.ts";
import {
  type Announcement,
  announcementKey,
  openAnnouncement,
  sealAnnouncement,
} from "./sealed-announcement.ts";

export type { LocalNetwork } from "./local-network.ts";

export interface DiscoveryLinkOptions {
  link: LocalInterface;
  networks(): readonly LocalNetwork[];
  timers: Timers;
  randomBytes(count: number): Uint8Array;
  random(): number;
  log: Logger;
  open: OpenMulticast;
  /** For tests. Default {@link decodeMdns}. */
  decode?: (datagram: Uint8Array) => MdnsMessage | undefined;
  /** How many boxes of a network have been heard on this link and are there. */
  others(network: string): number;
  heard(network: string, announcement: Announcement, instance: string, source: string): void;
}

/** A name is used this long, so that nobody follows a box by it from place to place. */
const INSTANCE_LIFE_MS = 3_600_000;
/** When the link comes up: RFC 6762, 5.2. */
const QUERY_AFTER_MS = [20, 1_000, 3_000];
const QUERY_SPREAD_MS = 100;
/** A box says some five things a minute when it starts and two at once when asked; a flood is cut to this, on each link. */
const LIMITS = { burst: 20, perSecond: 4, totalPerSecond: 100, maxSources: 256 };

/** In the header's third byte (RFC 1035, 4.1.1). */
const RESPONSE = 0x80;
/** The second of two that are the same comes so soon. */
const TWIN_MS = 1_000;
const MOST_TWINS = 256;

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
  private readonly sockets: LinkSockets;
  /** Its own: a flood on one wire silences no other link. */
  private readonly limiter: SourceLimiter;
  private readonly published = new Map<string, Published>();
  private cancelQueries: (() => void)[] = [];
  /** What was read last, by its hash. */
  private readonly lately = new Map<number | bigint, { family: IpFamily; atMs: number }>();

  constructor(private readonly options: DiscoveryLinkOptions) {
    const { link, timers, log, open } = options;
    this.link = link;
    this.limiter = new SourceLimiter(LIMITS, timers.monotonicMs());
    this.sockets = new LinkSockets({
      ...{ interface: link.name, timers, log, open },
      message: (family, datagram, from) => this.take(family, datagram, from),
      reopened: () => {
        this.ask();
        for (const { publication } of this.published.values()) publication.asked();
      },
    });
  }

  start(): void {
    this.update(this.link);
    this.ask();
  }

  /** Says goodbye and closes. @param isGone the interface is no longer there: nothing is said */
  async stop(isGone: boolean): Promise<void> {
    for (const cancel of this.cancelQueries) cancel();
    this.sockets.stopReopening();
    const goodbyes = [...this.published.values()].map((entry) => this.withdraw(entry, isGone));
    this.published.clear();
    await Promise.all(goodbyes);
    this.sockets.closeAll();
  }

  /** Takes the interface as it is now, and the networks. What has changed is announced anew. */
  update(link: LocalInterface): void {
    this.link = link;
    const plain = link.addresses.map((text) => text.split("/")[0] ?? "");
    const ipv4 = plain.find((address) => address.includes(".")) ?? "";
    // The loopback interface has no link-local address, and neither has one whose IPv6 is off.
    this.sockets.update(
      ipv4,
      plain.some((address) => isInPrefix(address, "fe80::/10")),
    );
    this.publish();
  }

  /** Asks who is here, now and twice within the next seconds. */
  private ask(): void {
    for (const cancel of this.cancelQueries) cancel();
    this.cancelQueries = QUERY_AFTER_MS.map((delayMs) =>
      this.options.timers.after(
        delayMs + this.options.random() * QUERY_SPREAD_MS,
        () => void this.sockets.send(encodeQuery()),
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
      const says = wordsOf(network, this.link);
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
          others: () => this.options.others(network.id),
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
    const says = wordsOf(entry.network, this.link);
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
      { ...announcementOf(entry.network, this.link), isGoodbye },
      announcementKey(key),
      entry.instance,
      this.options.randomBytes(24),
    );
    const ttlS = isGoodbye ? 0 : ANNOUNCEMENT_TTL_S;
    await this.sockets.send(encodeInstance({ instance: entry.instance, ttlS, sealed }));
  }

  private newInstance(): string {
    return Buffer.from(this.options.randomBytes(8)).toString("hex");
  }

  private take(family: IpFamily, datagram: Uint8Array, from: { address: string; port: number }): void {
    // RFC 6762, 6: what comes from another port is no answer; questions from there ask for answers to one, which we do not give.
    if (from.port !== MDNS_PORT || !this.isOnThisLink(family, from.address)) return;
    // Others' messages count for nothing; ours are counted before they are read, which is what costs.
    if (!mayConcernUs(datagram) || !this.limiter.takes(from.address, this.options.timers.monotonicMs()))
      return;
    if (this.isTwin(family, datagram)) return;
    const message = (this.options.decode ?? decodeMdns)(datagram);
    if (message === undefined) return;
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

  /** What is said by IPv6 and IPv4 is the same to the last byte, and read once. */
  private isTwin(family: IpFamily, datagram: Uint8Array): boolean {
    // Every box asks the same question.
    if (((datagram[2] ?? 0) & RESPONSE) === 0) return false;
    const key = Bun.hash(datagram);
    const nowMs = this.options.timers.monotonicMs();
    const known = this.lately.get(key);
    if (known && known.family !== family && nowMs - known.atMs < TWIN_MS) {
      this.lately.delete(key);
      return true;
    }
    if (this.lately.size >= MOST_TWINS) this.lately.clear();
    this.lately.set(key, { family, atMs: nowMs });
    return false;
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
