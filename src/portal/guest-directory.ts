import type { DeskGuest, PortalFacts } from "./desk-api.ts";
import { type DeskClient, DeskError } from "./desk-client.ts";
import { networkOf } from "./guest-network.ts";

/** More guests than the address pool has are not remembered. */
const MAX_GUESTS = 16_384;
const RETRY_MS = 500;
/** Whose an IPv6 address is, for what is counted, is not asked for again so long. */
const DEVICE_FRESH_MS = 60_000;
/** Each question may cost the daemon a look at the kernel's neighbours: while so many are under way, no more are asked to count. */
const MAX_ASKING = 32;

interface Remembered {
  view: DeskGuest;
  atMs: number;
}

/**
 * What the portal knows of its guests and of the box, kept fresh by the daemon's events. A view is used again only
 * while the event stream stands, so that what it says is never older than what the daemon last told.
 */
export class GuestDirectory {
  private readonly guests = new Map<string, Remembered>();
  /** Questions under way, by address; what is told of a guest meanwhile makes its answer old. */
  private readonly asking = new Map<string, symbol>();
  private live = false;
  private stopped = false;
  private latest: PortalFacts | undefined;
  /** Counts the changes of the facts, for what is kept by them. */
  version = 0;
  private readonly publicListeners = new Set<() => void>();

  constructor(
    private readonly desk: DeskClient,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** What the daemon has told of the box; undefined until it has. */
  get facts(): PortalFacts | undefined {
    return this.latest;
  }

  /** Whether what it knows is what the daemon last told: the daemon is heard now. */
  get hearsDaemon(): boolean {
    return this.live;
  }

  /** Follows the daemon until stopped, through its restarts. */
  async follow(): Promise<void> {
    while (!this.stopped) {
      try {
        for await (const event of this.desk.events()) {
          if (event.kind === "facts") this.learn(event.facts);
          else if (event.kind === "guest") this.forget(event.address);
          else if (event.kind === "public") this.tellPublic();
          this.live = true;
        }
      } catch {
        // The daemon is away; its pages say so until it is back.
      }
      this.live = false;
      this.guests.clear();
      await Bun.sleep(RETRY_MS);
    }
  }

  stop(): void {
    this.stopped = true;
  }

  /** Told when what everybody may read is another thing, or may be: also when the daemon is back. @returns ends it */
  onPublicChange(listener: () => void): () => void {
    this.publicListeners.add(listener);
    return () => this.publicListeners.delete(listener);
  }

  /** The guest at an address. @throws {DeskError} */
  async at(address: string): Promise<DeskGuest> {
    const known = this.remembered(address);
    if (known) return known;
    const question = Symbol();
    this.asking.set(address, question);
    try {
      const view = await this.desk.view(address);
      return this.asking.get(address) === question ? this.remember(address, view) : view;
    } finally {
      if (this.asking.get(address) === question) this.asking.delete(address);
    }
  }

  /**
   * Under whose name is counted what an address asks for: its device's, as one device has many addresses, and addresses beyond those that
   * are remembered would share what is left. Asks the daemon only where it does not know; until anybody knows see {@link networkOf}.
   */
  async deviceAt(address: string): Promise<string> {
    const known = this.guests.get(address);
    const isKnown = known !== undefined && isFresh(address, known, this.nowMs(), DEVICE_FRESH_MS);
    if (isKnown || this.asking.size >= MAX_ASKING) return known?.view.station ?? networkOf(address);
    try {
      return (await this.at(address)).station ?? networkOf(address);
    } catch (error) {
      if (!(error instanceof DeskError)) throw error;
      return networkOf(address);
    }
  }

  /** The guest at an address if it is known without asking. */
  remembered(address: string): DeskGuest | undefined {
    const known = this.live ? this.guests.get(address) : undefined;
    if (!known || !isFresh(address, known, this.nowMs(), IPV6_FRESH_MS)) return undefined;
    const passedS = Math.floor((this.nowMs() - known.atMs) / 1000);
    return passedS === 0
      ? known.view
      : { ...known.view, secondsLeft: Math.max(0, known.view.secondsLeft - passedS) };
  }

  remember(address: string, view: DeskGuest): DeskGuest {
    if (this.guests.size >= MAX_GUESTS) this.guests.clear();
    this.asking.delete(address);
    this.guests.set(address, { view, atMs: this.nowMs() });
    return view;
  }

  forget(address: string): void {
    this.asking.delete(address);
    this.guests.delete(address);
  }

  private learn(facts: PortalFacts): void {
    this.latest = facts;
    this.version += 1;
    this.asking.clear();
    this.guests.clear();
    this.tellPublic();
  }

  private tellPublic(): void {
    for (const listener of this.publicListeners) listener();
  }
}

/** An IPv6 address may have changed hands unnoticed: it is asked for again soon. */
const IPV6_FRESH_MS = 1_000;

function isFresh(address: string, { atMs }: Remembered, nowMs: number, ipv6FreshMs: number): boolean {
  return !address.includes(":") || nowMs - atMs < ipv6FreshMs;
}
