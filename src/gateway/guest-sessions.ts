import { hasConsent, newSession, type Session, type SessionEvent, step } from "./session.ts";

/** More are refused: the address pool is far smaller, and what is over it is an attack. */
const MAX_SESSIONS = 16_384;
/** Further addresses of one station; phones keep a handful (RFC 8981), and more than that must not cost the others. */
const MAX_FURTHER = 16;

/** IPv6 addresses change hands: who has one is asked of the kernel anew after this long. */
const FRESH_MS = 5_000;

/** The guests of this box, in memory: one session a station, found by its MAC address or by any of its addresses. */
export class GuestSessions {
  private readonly byMac = new Map<string, Session>();
  private readonly macByAddress = new Map<string, string>();
  /** The further addresses of each station, oldest first. */
  private readonly further = new Map<string, string[]>();
  /** When each of these was last found in the kernel's neighbour table, on the monotonic clock in ms. */
  private readonly foundAtMs = new Map<string, number>();
  private readonly listeners = new Set<(session: Session) => void>();

  /** @param nowMs the monotonic clock */
  constructor(private readonly nowMs: () => number) {}

  get size(): number {
    return this.byMac.size;
  }

  all(): Session[] {
    return [...this.byMac.values()];
  }

  get(mac: string): Session | undefined {
    return this.byMac.get(mac);
  }

  at(address: string): Session | undefined {
    const mac = this.macByAddress.get(address);
    return mac === undefined ? undefined : this.byMac.get(mac);
  }

  /** Every address at which a station is known. */
  addressesOf({ mac, ipv4 }: Session): string[] {
    const further = this.further.get(mac) ?? [];
    return ipv4 === "" ? further : [ipv4, ...further];
  }

  /** Whether a station was found at a further address so lately that it need not be looked up again. */
  isFreshAt(address: string): boolean {
    return this.nowMs() - (this.foundAtMs.get(address) ?? Number.NEGATIVE_INFINITY) < FRESH_MS;
  }

  /** Told of every session that changed, after the change. @returns a function that ends it */
  onChange(listener: (session: Session) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A session for a station that is met for the first time, or the one it has. @returns undefined when there is no room */
  meet(mac: string, ipv4: string): Session | undefined {
    const known = this.byMac.get(mac);
    if (known) return known;
    if (this.byMac.size >= MAX_SESSIONS && !this.makeRoom()) return undefined;
    const session = newSession(mac, ipv4, this.nowMs());
    this.keep(session);
    this.claim(mac);
    return session;
  }

  /** The station's IPv4 address is its own now, whoever had it before: addresses are given anew sooner than agreements end. */
  claim(mac: string): void {
    const ipv4 = this.byMac.get(mac)?.ipv4 ?? "";
    if (ipv4 !== "") this.macByAddress.set(ipv4, mac);
  }

  /** Puts a session back as it was before a restart. */
  restore(session: Session): void {
    this.keep(session);
  }

  /** Remembers that a station has a further address (IPv6). */
  alsoAt(mac: string, address: string): void {
    if (!this.byMac.has(mac)) return;
    const before = (this.further.get(mac) ?? []).filter((other) => other !== address);
    const addresses = [...before, address];
    if (addresses.length > MAX_FURTHER) this.leave(mac, addresses.shift());
    this.further.set(mac, addresses);
    this.macByAddress.set(address, mac);
    this.foundAtMs.set(address, this.nowMs());
  }

  /** @returns the session after the event */
  dispatch(session: Session, event: SessionEvent): Session {
    const next = step(session, event, this.nowMs());
    if (next !== session) this.keep(next, session);
    return next;
  }

  forget(mac: string): void {
    this.leave(mac, this.byMac.get(mac)?.ipv4);
    for (const address of this.further.get(mac) ?? []) this.leave(mac, address);
    this.further.delete(mac);
    this.byMac.delete(mac);
  }

  /** An address is a station's no more, if it still was. */
  private leave(mac: string, address: string | undefined): void {
    if (address === undefined || this.macByAddress.get(address) !== mac) return;
    this.macByAddress.delete(address);
    this.foundAtMs.delete(address);
  }

  private keep(session: Session, before?: Session): void {
    this.byMac.set(session.mac, session);
    const moved = before !== undefined && before.ipv4 !== session.ipv4;
    if (moved) this.leave(session.mac, before.ipv4);
    if (moved || !this.macByAddress.has(session.ipv4)) this.claim(session.mac);
    for (const listener of this.listeners) listener(session);
  }

  /** Forgets the guest without consent who was seen longest ago. */
  private makeRoom(): boolean {
    let oldest: Session | undefined;
    for (const session of this.byMac.values()) {
      if (!hasConsent(session) && (oldest === undefined || session.seenAtMs < oldest.seenAtMs))
        oldest = session;
    }
    if (oldest === undefined) return false;
    this.forget(oldest.mac);
    return true;
  }
}
