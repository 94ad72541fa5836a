import type { Config } from "../config/index.ts";
import type { Clock } from "../host/clock.ts";
import { atIntervals } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import { type Journal, tellFromNewer } from "../store/index.ts";
import type { GuestBackend, Station } from "./backend.ts";
import { isToldOnline } from "./captive-detection.ts";
import type { Admitted } from "./firewall/index.ts";
import { GuestSessions } from "./guest-sessions.ts";
import type { LeaseEvent } from "./leases.ts";
import {
  hasConsent,
  newSession,
  type Session,
  type SessionEvent,
  type SessionState,
  step,
} from "./session.ts";
import type { SessionStore, StoredConsent } from "./session-store.ts";

const SWEEP_EVERY_MS = 1_000;
/** How often the time that is left is written down: what a power cut can add to an agreement. */
const CHECKPOINT_EVERY_MS = 10 * 60_000;

/** A guest cannot be served as asked. `reason` is for the portal to choose its words by. */
export class GuestError extends Error {
  override readonly name = "GuestError";
  constructor(readonly reason: "unknown-station" | "full") {
    super(reason === "full" ? "no room for more guests" : "no station has this address");
  }
}

/** What the portal may know of a guest. */
export interface GuestView {
  state: SessionState;
  armed: boolean;
  /** Until the agreement ends; 0 without one. */
  secondsLeft: number;
}

/** What an owner has just decided at this box. */
export type GuestDecision =
  | { kind: "agreed"; mac: string; language: string; durationMs: number }
  | { kind: "left"; mac: string };

/** What an owner has agreed to at another box. */
export interface AgreementElsewhere {
  /** What that box is called. */
  from: string;
  language: string;
  durationMs: number;
}

export interface GatewayOptions {
  config: Config["gateway"];
  backend: GuestBackend;
  store: SessionStore;
  journal: Journal;
  clock: Clock;
  log: Logger;
}

/** The guest network with its sessions: who has joined, who has agreed, and whom the kernel lets through. */
export class Gateway implements Part {
  readonly name = "gateway";
  readonly sessions: GuestSessions;
  private stops: (() => Promise<void>)[] = [];
  private readonly uplinkListeners = new Set<() => void>();
  private readonly decisionListeners = new Set<(decision: GuestDecision) => void>();
  /** Why agreements are not kept through a restart; undefined while they are. */
  private unkept: string | undefined;
  /** Whom the kernel lets through still although the session is over: it refused, and is asked again. */
  private readonly overdue = new Map<string, Station>();

  constructor(private readonly options: GatewayOptions) {
    this.sessions = new GuestSessions(() => options.clock.monotonicMs());
  }

  get backend(): GuestBackend {
    return this.options.backend;
  }

  /** Whether a guest who has agreed is told that it is online, with things as they are. */
  get toldOnline(): boolean {
    return isToldOnline(this.options.config.online, this.backend.uplinkUsable);
  }

  async start(): Promise<void> {
    const { backend, store, journal, log } = this.options;
    const found = store.open();
    const { setAside, volatile } = found;
    if (setAside)
      log.error(`guests' agreements could not be read; they are in ${setAside}, and guests are asked again`);
    if (volatile) this.notKept(volatile);
    tellFromNewer(found, { part: this.name, what: "guests' agreements", journal, log });
    for (const consent of store.all()) this.restore(consent);
    await backend.start(
      {
        lease: (event) =>
          void this.onLease(event).catch((error) => log.error({ error }, `lease of ${event.mac}`)),
        uplink: (up) => this.onUplink(up),
      },
      () => this.admitted(),
    );
    for (const lease of backend.leases()) {
      if (this.sessions.meet(lease.mac, lease.ipv4)?.ipv4 === lease.ipv4) this.sessions.claim(lease.mac);
    }
    const failed = (error: unknown) => log.error({ error }, "guests");
    this.stops.push(
      atIntervals(SWEEP_EVERY_MS, () => this.sweep(), failed),
      atIntervals(CHECKPOINT_EVERY_MS, () => this.checkpoint(), failed),
    );
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0)) await stop();
    await this.backend.stop();
    await this.checkpoint();
    this.options.store.close();
  }

  detail(): string {
    const released = this.admitted().length;
    const { size } = this.sessions;
    return `${this.backend.detail()}; ${size === 1 ? "1 guest" : `${size} guests`}, ${released} let through`;
  }

  trouble(): string | undefined {
    const unkept = this.unkept === undefined ? undefined : `agreements are not kept: ${this.unkept}`;
    return this.backend.trouble() ?? unkept;
  }

  /** What the guest at an address sees of itself. @throws {GuestError} */
  async view(address: string): Promise<GuestView> {
    return this.viewOf(await this.sessionAt(address));
  }

  /** The portal's page was shown to the guest at an address. @throws {GuestError} */
  async shown(address: string): Promise<GuestView> {
    const session = await this.sessionAt(address);
    return this.viewOf(this.sessions.dispatch(session, { kind: "shown" }));
  }

  /**
   * The owner at an address has agreed: written down, then let through.
   * @param language BCP 47
   * @throws {GuestError}
   */
  async agree(address: string, language: string): Promise<GuestView> {
    const before = await this.sessionAt(address);
    const durationMs = this.options.config.consent_minutes * 60_000;
    const agreed = { kind: "agreed", language, durationMs, from: "" } as const;
    const now = await this.written(before, agreed, "guest-agreed", { language });
    if (hasConsent(before) && !hasConsent(now)) return this.viewOf(now); // Left meanwhile.
    this.decided({ kind: "agreed", mac: before.mac, language, durationMs });
    return this.viewOf(await this.letThrough(this.sessions.dispatch(now, agreed)));
  }

  /** A station whose owner has agreed at another box is here: let through without a page. */
  async welcome(mac: string, { from, language, durationMs }: AgreementElsewhere): Promise<void> {
    const before = this.sessions.get(mac);
    if (!before || hasConsent(before)) return;
    const agreed = { kind: "agreed", language, durationMs, from } as const;
    const now = await this.written(before, agreed, "guest-came", { from, language });
    if (!this.sessions.get(mac)) {
      await this.options.store.remove(mac).catch((error) => this.notKept(error)); // Gone meanwhile.
      return;
    }
    if (hasConsent(now)) return; // Agreed here meanwhile.
    await this.letThrough(this.sessions.dispatch(now, agreed));
  }

  /** The owner of a station has left at another box. */
  async leftElsewhere(mac: string, from: string): Promise<void> {
    const session = this.sessions.get(mac);
    if (session && hasConsent(session)) await this.end([session], "guest-left-elsewhere", { from });
  }

  /** What the owner of a station had agreed to is over sooner than this box has counted. */
  async ranOut(mac: string): Promise<void> {
    const session = this.sessions.get(mac);
    if (session && hasConsent(session)) await this.end([session], "guest-expired");
  }

  /** The guest at an address leaves. @throws {GuestError} */
  async leave(address: string): Promise<GuestView> {
    const session = await this.sessionAt(address);
    if (!hasConsent(session)) return this.viewOf(session);
    this.decided({ kind: "left", mac: session.mac });
    await this.end([session], "guest-left");
    return this.viewOf(this.sessions.get(session.mac) ?? session);
  }

  /** Told when the way to the internet comes or goes. */
  onUplinkChange(listener: () => void): () => void {
    this.uplinkListeners.add(listener);
    return () => this.uplinkListeners.delete(listener);
  }

  /** Told what owners decide at this box, before it is made so. @returns a function that ends it */
  onDecision(listener: (decision: GuestDecision) => void): () => void {
    this.decisionListeners.add(listener);
    return () => this.decisionListeners.delete(listener);
  }

  private decided(decision: GuestDecision): void {
    for (const listener of this.decisionListeners) {
      try {
        listener(decision);
      } catch (error) {
        this.failed(error); // What an owner decides at this box holds here, whoever cannot hear it.
      }
    }
  }

  private async sessionAt(address: string): Promise<Session> {
    const known = this.sessions.at(address);
    // DHCP says whose an IPv4 address is. An IPv6 address is whose the neighbour table says, as long as that is fresh.
    if (known && (known.ipv4 === address || this.sessions.isFreshAt(address))) return known;
    const station = await this.backend.stationAt(address);
    if (!station) throw new GuestError("unknown-station");
    const session = this.sessions.meet(station.mac, station.ipv4);
    if (!session) throw new GuestError("full");
    // Behind an IPv6 address the station's IPv4 address is what DHCP says, and DHCP believes forged packets.
    if (station.ipv4 !== address || station.ipv4 === session.ipv4) {
      if (address !== session.ipv4) this.sessions.alsoAt(station.mac, address);
      return session;
    }
    // The kernel's neighbour table says that the station is at another address now.
    return await this.moved(session, station.ipv4);
  }

  private viewOf(session: Session): GuestView {
    const leftMs = session.endsAtMs - this.nowMs();
    return {
      state: session.state,
      armed: session.armed && !this.backend.uplinkUsable,
      secondsLeft: hasConsent(session) ? Math.max(0, Math.ceil(leftMs / 1000)) : 0,
    };
  }

  /**
   * Writes an agreement down. On the medium first: whatever comes between finds a session that has not agreed yet. A medium
   * that cannot be written keeps nobody out: the agreement then lasts until the box restarts.
   * @returns the session as it is by then
   */
  private async written(
    before: Session,
    agreed: Extract<SessionEvent, { kind: "agreed" }>,
    kind: string,
    detail: Record<string, string>,
  ): Promise<Session> {
    const { store, journal } = this.options;
    await Promise.all([
      store.save([this.stored(step(before, agreed, this.nowMs()))]),
      journal.append(this.name, kind, before.mac, { ipv4: before.ipv4, ...detail }),
    ]).catch((error) => this.notKept(error));
    return this.sessions.get(before.mac) ?? before;
  }

  private async letThrough(session: Session): Promise<Session> {
    this.overdue.delete(session.mac);
    await this.backend.admit([this.admittedOf(session)]);
    const now = this.sessions.get(session.mac) ?? session;
    if (hasConsent(now)) return this.sessions.dispatch(now, { kind: "admitted" });
    await this.expel([now]); // Left meanwhile.
    return now;
  }

  /** Ends sessions, all by one transaction of the kernel. */
  private async end(
    sessions: readonly Session[],
    kind: string,
    detail: Record<string, string> = {},
  ): Promise<void> {
    if (sessions.length === 0) return;
    for (const session of sessions) this.sessions.dispatch(session, { kind: "ended" });
    // Each is done whatever becomes of the others: an end that is half done must not come back with a restart.
    const kept = sessions.flatMap(({ mac, ipv4 }) => [
      this.options.store.remove(mac),
      this.options.journal.append(this.name, kind, mac, { ipv4, ...detail }),
    ]);
    const [expelled, ...written] = await Promise.allSettled([this.expel(sessions), ...kept]);
    for (const result of written) if (result.status === "rejected") this.notKept(result.reason);
    if (expelled.status === "rejected") throw expelled.reason;
  }

  private async expel(stations: readonly Station[]): Promise<void> {
    for (const { mac, ipv4 } of stations) this.overdue.set(mac, { mac, ipv4 });
    await this.backend.expel(stations.map(({ mac, ipv4 }) => ({ mac, ipv4 })));
    for (const { mac } of stations) this.overdue.delete(mac);
  }

  private async onLease({ kind, mac, ipv4 }: LeaseEvent): Promise<void> {
    const session = this.sessions.get(mac);
    if (kind === "del") {
      if (session && !hasConsent(session)) this.sessions.forget(mac);
      return;
    }
    if (!session) {
      this.sessions.meet(mac, ipv4);
      return;
    }
    // DHCP believes whatever MAC address a packet names: one forged packet must not take a guest off the network. Who
    // has agreed and has another address now is moved when it speaks to the portal from there, as every phone does.
    if (session.ipv4 !== ipv4) {
      if (!hasConsent(session)) await this.moved(session, ipv4);
      return;
    }
    this.sessions.claim(mac);
    // A phone that renews in mid-stay must not meet the portal again; one that has come back must.
    if (!(await this.backend.hasJustJoined(mac))) return;
    const now = this.sessions.get(mac);
    if (now) this.sessions.dispatch(now, { kind: "joined", ipv4: now.ipv4 });
  }

  /** A station is at another address now, and what it had agreed to goes with it. */
  private async moved(from: Session, ipv4: string): Promise<Session> {
    const to = this.sessions.dispatch(from, { kind: "joined", ipv4 });
    if (!hasConsent(to)) return to;
    if (from.ipv4 !== "") await this.backend.expel([{ mac: from.mac, ipv4: from.ipv4 }]);
    const now = this.sessions.get(to.mac) ?? to;
    if (!hasConsent(now)) return now; // Left meanwhile.
    await this.options.store.save([this.stored(now)]).catch((error) => this.notKept(error));
    return await this.letThrough(this.sessions.get(now.mac) ?? now);
  }

  private onUplink(up: boolean): void {
    this.options.log.info(
      up ? "the way to the internet is open to guests" : "the way to the internet is gone",
    );
    this.options.journal
      .append(this.name, up ? "uplink-up" : "uplink-down")
      .catch((error) => this.options.log.error({ error }, "journal"));
    for (const listener of this.uplinkListeners) listener();
  }

  private async sweep(): Promise<void> {
    const now = this.nowMs();
    if (this.overdue.size > 0)
      await this.expel([...this.overdue.values()]).catch((error) => this.failed(error));
    const over = this.sessions.all().filter((session) => hasConsent(session) && session.endsAtMs <= now);
    await this.end(over, "guest-expired").catch((error) => this.failed(error));
    // What could not be let through when its owner agreed is tried again; one guest's trouble is not the others'.
    for (const { mac } of this.sessions.all()) {
      const session = this.sessions.get(mac);
      if (session?.state === "consented") await this.letThrough(session).catch((error) => this.failed(error));
    }
  }

  private failed(error: unknown): void {
    this.options.log.error({ error }, "guests");
  }

  /** The medium cannot be written: said once, and to the operator for as long as the box runs. */
  private notKept(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (this.unkept === undefined) this.options.log.error({ error }, "agreements are not kept");
    this.unkept = reason;
  }

  private async checkpoint(): Promise<void> {
    const { store } = this.options;
    await store
      .save(
        this.sessions
          .all()
          .filter(hasConsent)
          .map((session) => this.stored(session)),
      )
      .catch((error) => this.notKept(error));
  }

  private restore({ mac, ipv4, language, from, remainingMs }: StoredConsent): void {
    const nowMs = this.nowMs();
    this.sessions.restore({
      ...newSession(mac, ipv4, nowMs),
      state: "released",
      armed: false,
      language,
      from,
      endsAtMs: nowMs + remainingMs,
    });
  }

  private stored({ mac, ipv4, language, from, endsAtMs }: Session): StoredConsent {
    return { mac, ipv4, language, from, remainingMs: endsAtMs - this.nowMs() };
  }

  private admitted(): Admitted[] {
    return this.sessions
      .all()
      .filter(hasConsent)
      .map((session) => this.admittedOf(session));
  }

  private admittedOf({ mac, ipv4, endsAtMs }: Session): Admitted {
    return { mac, ipv4, seconds: Math.max(1, Math.ceil((endsAtMs - this.nowMs()) / 1000)) };
  }

  private nowMs(): number {
    return this.options.clock.monotonicMs();
  }
}
