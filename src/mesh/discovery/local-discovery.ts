import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { peerIdOf } from "../engine/peer-id.ts";
import { sightingOf } from "./address-policy.ts";
import type { LocalInterface, LocalSighting } from "./discovery-interface.ts";
import { DiscoveryLink, type LocalNetwork } from "./discovery-link.ts";
import { ANNOUNCEMENT_TTL_S, type decodeMdns } from "./mdns-message.ts";
import { type OpenMulticast, openMulticast } from "./multicast-socket.ts";
import type { Announcement } from "./sealed-announcement.ts";
import { SightingTable } from "./sighting-table.ts";

export interface LocalDiscoveryOptions {
  /** As they are now; {@link LocalDiscovery.refresh} is called when they have changed. */
  interfaces(): readonly LocalInterface[];
  networks(): readonly LocalNetwork[];
  /** Also on the loopback interface, so that two boxes started on one machine find each other. Default false. */
  loopback?: boolean;
  timers: Timers;
  /** As in `crypto.randomBytes`: names and nonces come from it, so it must be good. */
  randomBytes(count: number): Uint8Array;
  log: Logger;
  /** For tests. Default: real sockets. */
  open?: OpenMulticast;
  /** For tests. Default {@link decodeMdns}. */
  decode?: typeof decodeMdns;
}

export interface LocalDiscoveryEvents {
  /** A box is on a link that was not, or by other addresses, or has started anew. It may lie: whoever dials checks who answers. */
  sighted(network: string, sighting: LocalSighting): void;
  /** It said goodbye, was silent for {@link ANNOUNCEMENT_TTL_S}, or our own interface is gone. */
  gone(network: string, sighting: LocalSighting): void;
}

const SWEEP_MS = 30_000;

/**
 * Finds the boxes of its networks on every link, by multicast DNS (RFC 6762 and 6763) on IPv6 and IPv4, without a
 * default route, without IPv4, and beside other programs that use port 5353.
 *
 * What an outsider on the link learns: that an Omerta box is here, at this MAC and IP address, and by the number of
 * names in use how many networks it is in. The rest is sealed with a key of the network's shared key and always as
 * long. Names are random, others on each link and in each network, and change every hour; each network's messages come
 * at times of their own, so nothing but the MAC and IP address says which belong to one box.
 *
 * What somebody can do who has no key: play an announcement again that he has recorded, on any link and at any time
 * (a box may have no clock, so messages have no date). Addresses count on the link that they are of alone, so
 * this makes boxes dial an address on their own link at most, which either is the member or fails its handshake.
 * Somebody with the key can name any address on the link, with the same effect, and not more than eight at a time.
 *
 * Idle, each network costs two messages (IPv4 and IPv6) every five minutes on each interface: about 10 kB an hour.
 */
export class LocalDiscovery {
  private readonly links = new Map<string, DiscoveryLink>();
  private readonly table = new SightingTable();
  private readonly listeners: { [K in keyof LocalDiscoveryEvents]: Set<LocalDiscoveryEvents[K]> } = {
    sighted: new Set(),
    gone: new Set(),
  };
  private readonly closing = new Set<Promise<void>>();
  private cancelSweep: (() => void) | undefined;
  private running = false;

  constructor(private readonly options: LocalDiscoveryOptions) {}

  start(): void {
    this.running = true;
    this.refresh();
    this.sweepLater();
  }

  /** Says goodbye on every link. */
  async stop(): Promise<void> {
    this.running = false;
    this.cancelSweep?.();
    const links = [...this.links.values()];
    this.links.clear();
    await Promise.all([...links.map((link) => link.stop(false)), ...this.closing]);
    this.table.remove(() => true);
  }

  /** Looks at interfaces, networks, ports and keys anew: call it when any of them has changed. */
  refresh(): void {
    if (!this.running) return;
    const usable = new Map(this.usable().map((entry) => [keyOf(entry), entry]));
    for (const [key, link] of this.links) {
      if (usable.has(key)) continue;
      this.links.delete(key);
      const closing = link.stop(true).finally(() => this.closing.delete(closing));
      this.closing.add(closing);
    }
    const names = new Set([...usable.values()].map(({ name }) => name));
    const networks = new Set(this.options.networks().map(({ id }) => id));
    this.forget(({ sighting, network }) => !names.has(sighting.interface) || !networks.has(network));
    for (const [key, entry] of usable) {
      const known = this.links.get(key);
      if (known) known.update(entry);
      else this.begin(key, entry);
    }
  }

  /** Who is here now. */
  sightings(network: string): LocalSighting[] {
    return this.table.of(network);
  }

  /** @returns a function that calls the listener off */
  on<K extends keyof LocalDiscoveryEvents>(event: K, listener: LocalDiscoveryEvents[K]): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  private usable(): LocalInterface[] {
    const { interfaces, loopback } = this.options;
    return interfaces().filter(
      ({ up, kind, isLine }) =>
        // At a line's other end is a provider, to whom nothing is said.
        up &&
        isLine !== true &&
        (kind === "ethernet" || kind === "radio" || (kind === "loopback" && loopback === true)),
    );
  }

  private begin(key: string, entry: LocalInterface): void {
    const { networks, timers, randomBytes, log, open = openMulticast, decode } = this.options;
    const link = new DiscoveryLink({
      link: entry,
      networks,
      timers,
      randomBytes,
      random: () => new DataView(randomBytes(4).slice().buffer).getUint32(0) / 2 ** 32,
      log,
      open,
      ...(decode ? { decode } : {}),
      others: (network) => this.table.count(network, entry.name),
      heard: (network, announcement, instance, source) =>
        this.heard(entry.name, network, announcement, instance, source),
    });
    this.links.set(key, link);
    link.start();
  }

  private heard(
    interfaceName: string,
    network: string,
    announcement: Announcement,
    instance: string,
    source: string,
  ): void {
    const peer = peerIdOf(announcement.publicKey);
    if (this.options.networks().some((ours) => ours.id === network && ours.peer === peer)) return;
    if (announcement.isGoodbye) {
      const left = this.table.leave(network, peer, interfaceName, instance);
      if (left) this.tell("gone", network, left);
      return;
    }
    const link = this.usable().find(({ name }) => name === interfaceName);
    const sighting = link && sightingOf(announcement, peer, link);
    if (sighting === undefined) return;
    const untilMs = this.options.timers.monotonicMs() + ANNOUNCEMENT_TTL_S * 1_000;
    if (this.table.take({ network, sighting, instance, source, untilMs }))
      this.tell("sighted", network, sighting);
  }

  private sweepLater(): void {
    this.cancelSweep = this.options.timers.after(SWEEP_MS, () => {
      const nowMs = this.options.timers.monotonicMs();
      this.forget(({ untilMs }) => untilMs <= nowMs);
      this.sweepLater();
    });
  }

  private forget(matches: Parameters<SightingTable["remove"]>[0]): void {
    for (const { network, sighting } of this.table.remove(matches)) this.tell("gone", network, sighting);
  }

  private tell(event: keyof LocalDiscoveryEvents, network: string, sighting: LocalSighting): void {
    for (const listener of this.listeners[event]) listener(network, sighting);
  }
}

/** An adapter that is plugged in again is another one. */
const keyOf = ({ name, index }: LocalInterface): string => `${index} ${name}`;
