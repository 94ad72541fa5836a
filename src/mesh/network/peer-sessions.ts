import { randomBytes } from "node:crypto";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { Libp2pEngine } from "../engine/engine.ts";
import type { EngineConnection, PeerId } from "../engine/engine-interface.ts";
import { endpointText } from "../paths/endpoint.ts";
import type { Paths } from "../paths/paths.ts";
import type { SessionKeys } from "../paths/paths-interface.ts";
import type { SessionOffer } from "../paths/session-offer.ts";
import { hostOf, overDeadWays } from "./connection-care.ts";
import type { Dialler } from "./dialler.ts";
import type { Reach } from "./reach.ts";
import { SessionAgreement } from "./session-agreement.ts";
import type { WayKeeper } from "./way-keeper.ts";
import { wireOf } from "./ways.ts";
import type { Whereabouts } from "./whereabouts.ts";

export interface PeerSessionsOptions {
  engine: Libp2pEngine;
  paths: Paths;
  ways: WayKeeper;
  where: Whereabouts;
  reach: Reach;
  dialler: Dialler;
  /** What this box offers to agree on, beside its share. */
  offer: () => Omit<SessionOffer, "share">;
  interfaces: () => readonly LocalInterface[];
  /** Those that give a busy machine time: {@link patientTimers}. */
  timers: Timers;
  log: Logger;
  /** Who is reached, and how, is different now. */
  changed: () => void;
}

/** Who is not heard any more by datagrams has so long to be heard by the streams that there are. */
const IN_THE_DARK_MS = 1_500;
/** The side that does not begin an agreement waits so long for the other. */
const AGREE_ANYWAY_MS = 3_000;
const SESSION_TIMEOUT_MS = 8_000;
/** The keys of a pair are kept so long after the peer was reached the last time. */
const FORGET_SESSION_MS = 10 * 60_000;

/**
 * The sessions with other members: agrees on keys for datagrams with who is connected, and lets streams follow the way that
 * datagrams take.
 */
export class PeerSessions {
  private readonly agreement: SessionAgreement;
  private readonly waiting = new Map<PeerId, Set<() => void>>();
  private readonly lostAtMs = new Map<PeerId, number>();
  private readonly ends: (() => void)[] = [];
  private isRunning = false;

  constructor(private readonly options: PeerSessionsOptions) {
    const { engine, offer, timers } = options;
    this.agreement = new SessionAgreement({
      ...{ engine, offer, randomBytes, timers },
      agreed: (...agreement) => this.agreed(...agreement),
    });
  }

  /** Before the engine starts, so that nobody asks in vain. */
  serve(): void {
    this.agreement.serve();
  }

  start(): void {
    const { paths } = this.options;
    this.isRunning = true;
    this.ends.push(
      paths.on("peerLost", (peer) => this.lost(peer)),
      paths.on("peerReachable", (peer) => this.reachable(peer)),
      paths.on("pathChanged", (peer) => this.pathChanged(peer)),
    );
  }

  stop(): void {
    this.isRunning = false;
    for (const end of this.ends.splice(0)) end();
  }

  /** A connection with a member has come. */
  joined(peer: PeerId): void {
    if (this.options.engine.peer < peer) void this.agree(peer);
    else this.agreeLater(peer);
  }

  /** Resolves when datagrams may pass, or when there is no hope for it now. */
  async reach(peer: PeerId): Promise<void> {
    const { paths, reach, where, timers } = this.options;
    if (paths.has(peer) && paths.isReachable(peer)) return;
    await reach.to(peer);
    if (paths.has(peer)) return;
    await new Promise<void>((resolve) => {
      const waiters = this.waiting.get(peer) ?? new Set();
      this.waiting.set(peer, waiters);
      const done = () => {
        callOff();
        waiters.delete(done);
        if (waiters.size === 0) this.waiting.delete(peer);
        resolve();
      };
      // A peer that is not connected cannot agree on keys: then sending says that it is unknown.
      const isHere = where.connected().has(peer);
      const callOff = timers.after(isHere ? SESSION_TIMEOUT_MS : 0, done);
      waiters.add(done);
    });
  }

  forget(peer: PeerId): void {
    this.options.paths.removePeer(peer);
    this.options.ways.forget(peer);
    this.lostAtMs.delete(peer);
  }

  /** Forgets those that were lost long ago and have no connection. */
  sweep(connected: ReadonlySet<PeerId>): void {
    const nowMs = this.options.timers.monotonicMs();
    for (const [peer, sinceMs] of this.lostAtMs)
      if (nowMs - sinceMs > FORGET_SESSION_MS && !connected.has(peer)) this.forget(peer);
  }

  closeQuietly({ id }: EngineConnection): void {
    const { engine, log } = this.options;
    engine.close(id).catch((error) => log.debug({ error }, "did not close cleanly"));
  }

  private async agree(peer: PeerId): Promise<void> {
    if (!this.isRunning || !this.options.where.connected().has(peer)) return;
    try {
      await this.agreement.ask(peer);
    } catch (error) {
      this.options.log.debug({ peer, error }, "no agreement on keys yet");
      this.agreeLater(peer);
    }
  }

  private agreeLater(peer: PeerId): void {
    this.later(AGREE_ANYWAY_MS, () => {
      if (!this.options.paths.isReachable(peer)) void this.agree(peer);
    });
  }

  private agreed(peer: PeerId, keys: SessionKeys, theirs: SessionOffer, asked: boolean): void {
    const { paths, ways, changed } = this.options;
    paths.addPeer(peer, keys, { asked });
    const { lora, relays } = theirs;
    const endpoints = theirs.endpoints.map(endpointText);
    ways.agreed(peer, { endpoints, relays, ...(lora === undefined ? {} : { lora }) });
    for (const done of this.waiting.get(peer) ?? []) done();
    changed();
  }

  private reachable(peer: PeerId): void {
    this.lostAtMs.delete(peer);
    this.options.ways.changed(peer);
    this.options.changed();
  }

  /**
   * Datagrams do not pass any more. Where the peer is merely busy, or a firewall has come between, the streams that there
   * are become ways, and are proven; where none of them is either, their connections would hang in the dark until TCP gives
   * up: they are closed, and whoever uses them knows.
   */
  private lost(peer: PeerId): void {
    const { engine, paths, ways, dialler, timers, changed } = this.options;
    this.lostAtMs.set(peer, timers.monotonicMs());
    ways.changed(peer);
    changed();
    this.later(IN_THE_DARK_MS, () => {
      if (!this.lostAtMs.has(peer) || paths.isReachable(peer)) return;
      for (const connection of engine.connections(peer)) this.closeQuietly(connection);
      changed();
      dialler.retryNow(peer);
    });
    dialler.retryNow(peer);
  }

  /** Streams follow: what goes over a dead way is closed, and the way that works gets a connection. */
  private pathChanged(peer: PeerId): void {
    const { engine, paths, ways, interfaces } = this.options;
    ways.changed(peer);
    const status = paths.status(peer);
    for (const connection of overDeadWays(engine.connections(peer), status)) this.closeQuietly(connection);
    const chosen = status.find((path) => path.chosen);
    if (chosen?.target.by !== "udp") return;
    const { address } = chosen.target.endpoint;
    const wire = wireOf(address, interfaces());
    const has = engine
      .connections(peer)
      .some(({ remote }) => wireOf(hostOf(`${remote}/`) ?? "", interfaces()) === wire);
    // One of the two is enough.
    if (!has && engine.peer < peer) void this.connectBy(peer, address);
  }

  private async connectBy(peer: PeerId, host: string): Promise<void> {
    const { engine, where, log } = this.options;
    const addresses = where.addressesOf(peer).filter((address) => hostOf(address) === host);
    if (addresses.length === 0) return;
    await engine
      .dial(peer, addresses, SESSION_TIMEOUT_MS)
      .catch((error) => log.debug({ peer, error }, "no streams by the chosen way"));
  }

  private later(delayMs: number, task: () => void): void {
    const cancel = this.options.timers.after(delayMs, () => {
      this.ends.splice(this.ends.indexOf(cancel), 1);
      if (this.isRunning) task();
    });
    this.ends.push(cancel);
  }
}
