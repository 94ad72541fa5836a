import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { DialBudget, parseIpMultiaddr } from "../discovery/dial-policy.ts";
import type { Engine, EngineConnection, PeerId } from "../engine/engine-interface.ts";
import type { NatKind } from "../nat/nat-interface.ts";

const STRAIGHT_TIMEOUT_MS = 4_000;
const CIRCUIT_TIMEOUT_MS = 5_000;
const WEBRTC_TIMEOUT_MS = 8_000;
/** One relay after the other would take too long. */
const MOST_RELAYS = 3;
/** So long a straight answer is waited for before a relay is asked as well: where a NAT stands in front, none will come. */
const HEAD_START_MS = 1_200;
/** Where somebody has answered it is waited for longer: most likely that is the peer, and busy. */
const ANSWERED_HEAD_START_MS = 5_000;
/**
 * Between tries to do without a relay, later and later: each knocks at addresses that mean nothing here, and leaves sockets
 * behind for seconds. The first may have come too early to know the NATs.
 */
const STRAIGHTEN_AGAIN_MS = 30_000;
const STRAIGHTEN_GROWTH = 2;
const LONGEST_STRAIGHTEN_AGAIN_MS = 10 * 60_000;
const MOST_REMEMBERED = 2_000;

export interface ReachOptions {
  engine: Pick<Engine, "peer" | "dial" | "connections" | "close">;
  /** Multiaddrs by which the peer may be reached straight, the best first. */
  addresses: (peer: PeerId) => Promise<readonly string[]> | readonly string[];
  /** Boxes by which it says that it can be reached, and others that relay, the best first. */
  relays: (peer: PeerId) => readonly PeerId[];
  nat: (peer: PeerId) => NatKind;
  ownNat: () => NatKind;
  timers: Timers;
  log: Logger;
}

/** Opens a connection to a peer by whatever way there is: straight, or by a relay, and from there through both NATs. */
export class Reach {
  private readonly running = new Map<PeerId, Promise<boolean>>();
  /** Whoever names somebody else's address as its own makes us ask there a few times, and no more. */
  private readonly budget = new DialBudget();
  private readonly straightenings = new Map<PeerId, { waitMs: number; notBeforeMs: number }>();

  constructor(private readonly options: ReachOptions) {}

  /**
   * @param answered called when somebody answers, so that what is left are the handshakes
   * @returns whether there is a connection now. Asked again while it tries, it tries once.
   */
  to(peer: PeerId, answered: () => void = () => {}): Promise<boolean> {
    const running = this.running.get(peer);
    if (running) return running;
    const trying = this.try(peer, new Set([peer]), answered).finally(() => this.running.delete(peer));
    this.running.set(peer, trying);
    return trying;
  }

  /** Looks for a straight way to a peer that is connected by a relay alone. @returns whether there is one now */
  async straighten(peer: PeerId): Promise<boolean> {
    const connections = this.options.engine.connections(peer);
    const [circuit] = connections.filter(({ kind }) => kind === "circuit");
    if (!circuit || circuit.relay === undefined) return connections.length > 0;
    if (connections.some(({ kind }) => kind !== "circuit")) return true;
    if (!this.isDue(peer)) return false;
    if (await this.straight(peer)) return true;
    return this.punch(peer, circuit.relay);
  }

  private async try(peer: PeerId, onTheWay: Set<PeerId>, answered: () => void): Promise<boolean> {
    if (this.options.engine.connections(peer).length > 0) return true;
    const somebody = Promise.withResolvers<void>();
    const straight = this.straight(peer, () => {
      somebody.resolve();
      answered();
    });
    // Whether it fails later matters only where nothing else works.
    straight.catch(() => undefined);
    if (await this.soon(straight, somebody.promise)) return true;
    for (const relay of this.options.relays(peer).slice(0, MOST_RELAYS)) {
      if (onTheWay.has(relay) || relay === this.options.engine.peer) continue;
      // A relay that is not connected is reached straight or not at all: a circuit within a circuit does not exist.
      if (!this.isStraight(relay) && !(await this.straight(relay))) continue;
      if (await this.dial(peer, [circuitBy(relay)], CIRCUIT_TIMEOUT_MS)) return true;
    }
    return straight;
  }

  /** What it comes to, or false when it takes too long. */
  private soon(trying: Promise<boolean>, answered: Promise<void>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const waited = (delayMs: number) => this.options.timers.after(delayMs, () => resolve(false));
      let callOff = waited(HEAD_START_MS);
      void answered.then(() => {
        callOff();
        callOff = waited(ANSWERED_HEAD_START_MS);
      });
      trying.then(resolve, reject).finally(() => callOff());
    });
  }

  private isDue(peer: PeerId): boolean {
    const nowMs = this.options.timers.monotonicMs();
    const known = this.straightenings.get(peer) ?? { waitMs: STRAIGHTEN_AGAIN_MS, notBeforeMs: 0 };
    if (nowMs < known.notBeforeMs) return false;
    if (this.straightenings.size >= MOST_REMEMBERED) this.straightenings.clear();
    const nextMs = Math.min(LONGEST_STRAIGHTEN_AGAIN_MS, known.waitMs * STRAIGHTEN_GROWTH);
    this.straightenings.set(peer, { waitMs: nextMs, notBeforeMs: nowMs + known.waitMs });
    return true;
  }

  private isStraight(peer: PeerId): boolean {
    return this.options.engine.connections(peer).some(({ kind }) => kind !== "circuit");
  }

  private async straight(peer: PeerId, answered?: () => void): Promise<boolean> {
    const nowMs = this.options.timers.monotonicMs();
    const isFree = (address: string) => {
      const ip = parseIpMultiaddr(address)?.ip;
      return ip === undefined || this.budget.takes(ip, nowMs);
    };
    const addresses = (await this.options.addresses(peer)).filter(isFree);
    if (addresses.length === 0) return false;
    const connection = await this.dial(peer, addresses, STRAIGHT_TIMEOUT_MS, answered);
    const ip = connection && parseIpMultiaddr(connection.remote)?.ip;
    if (ip !== undefined) this.budget.proven(ip, nowMs);
    return connection !== undefined;
  }

  /** By WebRTC, whose ICE punches; not where both sides' mappings depend on the destination. */
  private async punch(peer: PeerId, relay: PeerId): Promise<boolean> {
    const kinds = [this.options.nat(peer), this.options.ownNat()];
    if (kinds.includes("blocked") || kinds.every((kind) => kind === "symmetric")) return false;
    return (await this.dial(peer, [`${circuitBy(relay)}/webrtc`], WEBRTC_TIMEOUT_MS)) !== undefined;
  }

  private async dial(
    peer: PeerId,
    addresses: readonly string[],
    timeoutMs: number,
    answered?: () => void,
  ): Promise<EngineConnection | undefined> {
    const { engine, log } = this.options;
    try {
      return await engine.dial(peer, addresses, timeoutMs, answered);
    } catch (error) {
      log.debug({ peer, addresses, error }, "not reached");
      return undefined;
    }
  }
}

const circuitBy = (relay: PeerId): string => `/p2p/${relay}/p2p-circuit`;
