import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { NatKind } from "../nat/nat-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import type { ControlChannel } from "../paths/paths-interface.ts";
import { type EndpointRules, isUnicast, withoutForbidden } from "./endpoint-rules.ts";
import type { EndWish } from "./kept-end.ts";
import type { Tunnel, TunnelStatus } from "./tunnel.ts";
import { isFor, toEvent } from "./tunnel-inbox.ts";
import { TunnelMail } from "./tunnel-mail.ts";
import { makeTunnel } from "./tunnel-making.ts";
import { MAX_CANDIDATES, TUNNEL_ID_BYTES, type TunnelMessage, type Whereabouts } from "./tunnel-messages.ts";
import { checkProber } from "./tunnel-prober.ts";
import { TunnelQuotaError, type TunnelQuotas, TunnelRoom } from "./tunnel-room.ts";
import type { NewTunnel } from "./tunnel-state.ts";
import type { DeviceWish, TunnelDevice, TunnelRole } from "./wireguard-device.ts";
import { clearWireGuardLeftovers } from "./wireguard-process.ts";

export interface TunnelsOptions {
  channel: ControlChannel;
  /** Where a UDP port of this box may be met, the likeliest first: own addresses, and what others have observed. */
  endpoints(port: number): readonly Endpoint[];
  natKind(): NatKind;
  /** Where tunnels of this box may send to, whatever others say. */
  rules(): EndpointRules;
  /** Whether what goes there leaves by a link whose volume is paid for. */
  isMetered(endpoint: Endpoint): boolean;
  /** Members that relay, the best first; never a tunnel's other end. */
  relays(): readonly PeerId[];
  /** Default: a {@link WireGuardDevice}. */
  deviceFactory?(name: string, role: TunnelRole, wish: DeviceWish): TunnelDevice;
  /** Where process ids of wireguard-go are kept. */
  runFolder: string;
  timers: Timers;
  /** Secure random bytes: tunnels' ids are secrets of their ends and relays. */
  randomBytes(length: number): Uint8Array;
  log: Logger;
  quotas: TunnelQuotas;
}

export interface TunnelOffer {
  id: string;
  peer: PeerId;
  /** What the peer says that it is for; at most 120 characters. */
  purpose: string;
  /** Of its WireGuard, base64. */
  key: string;
}

export interface OpenOptions {
  device: EndWish;
  purpose: string;
  /** It closes by itself after this. Default: never. */
  lifetimeMs?: number;
}

/** @returns what this end's interface is to be, or undefined to refuse */
export type OfferHandler = (offer: TunnelOffer) => Promise<(EndWish & { lifetimeMs?: number }) | undefined>;

/** How often a stranger's or forgotten tunnel is answered, in ms. */
const UNKNOWN_EVERY_MS = 200;

/** All WireGuard tunnels between this box and other members of one network. */
export class Tunnels {
  private readonly tunnels = new Map<string, Tunnel>();
  private readonly ports = new Map<string, number>();
  /** Offers that are being answered, by id. */
  private readonly answering = new Set<string>();
  private readonly room: TunnelRoom;
  private readonly mail: TunnelMail;
  /** Kept when the interfaces of tunnels that are over have gone. */
  private readonly closing = new Set<Promise<void>>();
  private offerHandler: OfferHandler | undefined;
  private saidUnknownMs = Number.NEGATIVE_INFINITY;
  private isStarted = false;

  constructor(private readonly options: TunnelsOptions) {
    this.room = new TunnelRoom(options.quotas, () => [...this.tunnels.values()].map(({ peer }) => peer));
    this.mail = new TunnelMail(options.channel, options.log);
  }

  /**
   * Removes what a killed daemon left, then listens.
   * @param mayClear false where that has been done, and tunnels of another network may stand by now
   */
  async start(mayClear = true): Promise<void> {
    if (mayClear) await clearWireGuardLeftovers(this.options.runFolder);
    await checkProber().catch((error) => {
      this.options.log.error({ error }, "tunnels will not be found to carry, for want of a program");
    });
    this.isStarted = true;
    this.mail.onTold((from, message) => this.take(from, message));
  }

  /** Closes all. What is being made is undone. */
  async stop(): Promise<void> {
    this.isStarted = false;
    await this.room.settled();
    for (const tunnel of [...this.tunnels.values()]) tunnel.close("the box stops");
    await Promise.all(this.closing);
  }

  /** Who decides on offers of others; without one all are refused. */
  onOffer(handler: OfferHandler): void {
    this.offerHandler = handler;
  }

  /**
   * Opens a tunnel. It is given back at once; {@link Tunnel.up} waits until it carries.
   * @throws {TunnelQuotaError}, {TunnelsStoppedError}, or {RunError} when the interface cannot be made
   */
  async open(peer: PeerId, { device: wish, purpose, lifetimeMs }: OpenOptions): Promise<Tunnel> {
    const id = this.options.randomBytes(TUNNEL_ID_BYTES);
    return this.room.within(peer, () => this.make({ id, role: "leader", peer, purpose }, wish, lifetimeMs));
  }

  /** Closes one; the other end is told. Unknown ones are closed already. */
  async close(id: string, reason = "closed"): Promise<void> {
    const tunnel = this.tunnels.get(id);
    tunnel?.close(reason);
    await tunnel?.settled();
  }

  get(id: string): Tunnel | undefined {
    return this.tunnels.get(id);
  }

  /** To be called whenever own addresses, the NAT in front or the relays have changed. */
  moved(): void {
    const atMs = this.options.timers.monotonicMs();
    for (const [id, tunnel] of this.tunnels) {
      const at = this.whereabouts(this.ports.get(id) ?? 0);
      tunnel.take({ type: "moved", at, relays: this.relaysBeside(tunnel.peer), atMs });
    }
  }

  /** UDP ports of all tunnels' interfaces, each once: of a requester's leases all have one. */
  listenPorts(): number[] {
    return [...new Set(this.ports.values())];
  }

  status(): TunnelStatus[] {
    return [...this.tunnels.values()].map((tunnel) => tunnel.status());
  }

  private async make(
    about: Pick<NewTunnel, "id" | "role" | "peer" | "purpose">,
    wish: EndWish,
    lifetimeMs = Number.POSITIVE_INFINITY,
  ): Promise<Tunnel> {
    const id = Buffer.from(about.id).toString("hex");
    const { tunnel, listenPort } = await makeTunnel(about, wish, {
      ...this.options,
      lifetimeMs,
      mail: this.mail,
      own: (port) => this.whereabouts(port),
      relaysBeside: (peer) => this.relaysBeside(peer),
      isWanted: () => this.isStarted,
      ended: (over) => {
        this.tunnels.delete(id);
        this.ports.delete(id);
        const removed = over.settled().finally(() => this.closing.delete(removed));
        this.closing.add(removed);
      },
    });
    this.tunnels.set(id, tunnel);
    this.ports.set(id, listenPort);
    tunnel.start();
    return tunnel;
  }

  private take(from: PeerId, told: TunnelMessage): void {
    if (!this.isStarted) return;
    const message = withoutForbidden(told, this.options.rules());
    if (!message) {
      this.options.log.debug({ peer: from }, `tunnels: a ${told.type} of places that are nobody's`);
      return;
    }
    const id = Buffer.from(message.id).toString("hex");
    const tunnel = this.tunnels.get(id);
    if (message.type === "offer") {
      void this.answer(from, message, id, tunnel);
    } else if (!tunnel) {
      this.sayUnknown(from, message);
    } else if (isFor(message, tunnel.peer, from)) {
      const event = toEvent(message, from, this.options.timers.monotonicMs());
      if (event) tunnel.take(event);
    }
  }

  private async answer(
    from: PeerId,
    offer: Extract<TunnelMessage, { type: "offer" }>,
    id: string,
    existing: Tunnel | undefined,
  ): Promise<void> {
    if (existing) {
      // Our answer was lost.
      if (existing.peer === from && existing.role === "follower") existing.repeatAcceptance();
      return;
    }
    if (this.answering.has(id)) return;
    this.answering.add(id);
    const refuse = (reason: string) => this.mail.tell(from, { type: "bye", id: offer.id, reason });
    try {
      await this.room.within(from, async () => {
        const key = Buffer.from(offer.key).toString("base64");
        const wish = await this.offerHandler?.({ id, peer: from, purpose: offer.purpose, key });
        if (!wish) return refuse("refused");
        const about = { id: offer.id, role: "follower", peer: from, purpose: offer.purpose } as const;
        const tunnel = await this.make(about, wish, wish.lifetimeMs);
        const atMs = this.options.timers.monotonicMs();
        tunnel.take({ type: "accepted", key: offer.key, at: offer.at, atMs });
      });
    } catch (error) {
      this.options.log.warn({ error, peer: from }, "an offered tunnel was not taken");
      refuse(error instanceof TunnelQuotaError ? "too many tunnels" : "it could not be made");
    } finally {
      this.answering.delete(id);
    }
  }

  /** The other end, or a relay, holds on to a tunnel that is none any more. */
  private sayUnknown(from: PeerId, message: TunnelMessage): void {
    const nowMs = this.options.timers.monotonicMs();
    if (message.type === "bye" || nowMs - this.saidUnknownMs < UNKNOWN_EVERY_MS) return;
    this.saidUnknownMs = nowMs;
    const { type, id } = message;
    if (type === "grant") this.mail.tellRelay(from, { type: "end", id });
    else if (type === "accept" || type === "candidates" || type === "relayed") {
      this.mail.tell(from, { type: "bye", id, reason: "unknown" });
    }
  }

  private whereabouts(port: number): Whereabouts {
    const endpoints = this.options.endpoints(port).filter(({ address }) => isUnicast(address));
    // Whether its way is metered is seen once it has one.
    return { nat: this.options.natKind(), endpoints: endpoints.slice(0, MAX_CANDIDATES), metered: false };
  }

  private relaysBeside(peer: PeerId): PeerId[] {
    return this.options.relays().filter((relay) => relay !== peer);
  }
}
