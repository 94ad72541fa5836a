import type { LinkAddress } from "../../lora/index.ts";
import { MAX_ROUTES, type RouteOffer } from "./items.ts";

export const UNREACHABLE = 255;
/** What a neighbour has said is no longer true. */
const STALE_MS = 140 * 60_000;
/** A path is left for one that is better by this much, in eighths of a transmission. */
const WORTH_CHANGING = 6;
/** Without a path that surely leads to no circle for so long, any is taken: whoever gets a bundle back tries another way. */
const STARVED_MS = 180_000;
/** A path that has changed by less than this share is not told of at once, but every so many hellos. */
const CHANGED = 0.4;
const REPEATED_AFTER = 4;
/** More boxes than that are not kept: whoever is near gives way to nobody. */
const MAX_DESTINATIONS = 512;
/** By so many neighbours; the longest unheard goes first. */
const MAX_WAYS = 16;

interface Offered {
  seqno: number;
  metric: number;
  atMs: number;
}

interface Destination {
  by: Map<LinkAddress, Offered>;
  /** The best that was ever offered from here: whoever offers a better one does not go by us (RFC 8966, section 3.5.1). */
  feasible: { seqno: number; metric: number; atMs: number } | undefined;
  via: LinkAddress | undefined;
  withoutSinceMs: number | undefined;
  /** As it was last offered from here, and before how many hellos. */
  told: number;
  toldAgo: number;
}

export interface Route {
  via: LinkAddress;
  seqno: number;
  /** Transmissions times 8. */
  metric: number;
}

/**
 * Who is reached by which neighbour: a distance vector with Babel's feasibility condition (RFC 8966, section 3.5), in
 * hellos that are far apart.
 */
export class Routes {
  private readonly destinations = new Map<LinkAddress, Destination>();

  constructor(
    private readonly own: LinkAddress,
    private readonly nowMs: () => number,
    /** Of the link to a neighbour; Infinity: out of reach. */
    private readonly costOf: (neighbour: LinkAddress) => number,
  ) {}

  /** Boxes that are known of. */
  get size(): number {
    return this.destinations.size;
  }

  /** Ways to them that are known of. */
  get ways(): number {
    return [...this.destinations.values()].reduce((sum, { by }) => sum + by.size, 0);
  }

  /** A neighbour's hello. */
  onHello(neighbour: LinkAddress, seqno: number, offers: readonly RouteOffer[]): void {
    const atMs = this.nowMs();
    this.note(neighbour, neighbour, { seqno, metric: 0, atMs });
    for (const { address, seqno: at, metric } of offers)
      if (address !== this.own) this.note(address, neighbour, { seqno: at, metric, atMs });
  }

  /** The best path; undefined: none is known. */
  to(address: LinkAddress, except?: ReadonlySet<LinkAddress>): Route | undefined {
    const destination = this.destinations.get(address);
    if (!destination) return undefined;
    const best = this.bestOf(address, destination, true, except);
    const nowMs = this.nowMs();
    if (best) {
      destination.withoutSinceMs = undefined;
      if (!except) destination.via = best.via;
      return best;
    }
    destination.withoutSinceMs ??= nowMs;
    if (!except && nowMs - destination.withoutSinceMs < STARVED_MS) return undefined;
    const any = this.bestOf(address, destination, false, except);
    if (any && !except) destination.feasible = undefined;
    return any;
  }

  /** What a neighbour says that it takes from there, times 8; undefined: it has not said. */
  offeredBy(neighbour: LinkAddress, address: LinkAddress): number | undefined {
    const metric = this.destinations.get(address)?.by.get(neighbour)?.metric;
    return metric === UNREACHABLE ? undefined : metric;
  }

  /** For a hello: what has changed, first by how much, and what was not told for long. Whoever calls sends them. @param isWhole all that there is room for */
  offers(isWhole: boolean, most = MAX_ROUTES): RouteOffer[] {
    const offers: { offer: RouteOffer; change: number; toldAgo: number }[] = [];
    for (const [address, destination] of this.destinations) {
      const route = this.to(address);
      const metric = route ? Math.min(UNREACHABLE - 1, Math.ceil(route.metric)) : UNREACHABLE;
      if (metric === UNREACHABLE && destination.told === UNREACHABLE) continue;
      destination.toldAgo += 1;
      const isOther = Math.abs(metric - destination.told) > metric * CHANGED;
      if (!isWhole && !isOther && destination.toldAgo > 1 && destination.toldAgo < REPEATED_AFTER) continue;
      const seqno = route?.seqno ?? destination.feasible?.seqno ?? 0;
      offers.push({
        offer: { address, seqno, metric },
        change: Math.abs(metric - destination.told),
        toldAgo: destination.toldAgo,
      });
    }
    const chosen = offers.toSorted((a, b) => b.change - a.change || b.toldAgo - a.toldAgo).slice(0, most);
    for (const { offer } of chosen) this.onTold(offer);
    return chosen.map(({ offer }) => offer);
  }

  /** Whether somebody can be reached, or cannot any more, of which neighbours have not been told. */
  get hasNews(): boolean {
    for (const [address, { told }] of this.destinations)
      if ((told === UNREACHABLE) !== (this.to(address) === undefined)) return true;
    return false;
  }

  private note(address: LinkAddress, neighbour: LinkAddress, offered: Offered): void {
    let destination = this.destinations.get(address);
    if (!destination) {
      if (offered.metric === UNREACHABLE) return;
      if (this.destinations.size >= MAX_DESTINATIONS && !this.makeRoom(address === neighbour)) return;
      destination = {
        by: new Map(),
        feasible: undefined,
        via: undefined,
        withoutSinceMs: undefined,
        told: UNREACHABLE,
        toldAgo: 0,
      };
      this.destinations.set(address, destination);
    }
    destination.by.delete(neighbour);
    destination.by.set(neighbour, offered);
    if (destination.by.size > MAX_WAYS) this.forgetWay(address, destination);
  }

  /**
   * Lets go of who cannot be reached any more.
   * @param isNear for a neighbour: else of who is furthest, too
   */
  private makeRoom(isNear: boolean): boolean {
    let furthest: { address: LinkAddress; metric: number } | undefined;
    for (const [address, destination] of this.destinations) {
      const metric = this.bestOf(address, destination, false)?.metric;
      if (metric === undefined) return this.destinations.delete(address);
      const isNeighbour = destination.by.has(address);
      if (!isNeighbour && metric > (furthest?.metric ?? 0)) furthest = { address, metric };
    }
    return isNear && furthest !== undefined && this.destinations.delete(furthest.address);
  }

  /** What the box itself says is kept: else others could keep a neighbour from being reached. */
  private forgetWay(address: LinkAddress, { by, via }: Destination): void {
    for (const neighbour of by.keys())
      if (neighbour !== address && neighbour !== via) return void by.delete(neighbour);
  }

  private bestOf(
    address: LinkAddress,
    { by, feasible, via }: Destination,
    onlyFeasible: boolean,
    except?: ReadonlySet<LinkAddress>,
  ): Route | undefined {
    const oldestMs = this.nowMs() - STALE_MS;
    let best: (Route & { score: number }) | undefined;
    for (const [neighbour, { seqno, metric, atMs }] of by) {
      if (metric === UNREACHABLE || atMs < oldestMs || except?.has(neighbour)) continue;
      // Who is the destination itself goes by nobody.
      const isFeasible = neighbour === address || !feasible || isBetter({ seqno, metric }, feasible);
      if (onlyFeasible && !isFeasible) continue;
      const whole = metric + this.costOf(neighbour);
      if (!Number.isFinite(whole)) continue;
      const score = neighbour === via ? whole - WORTH_CHANGING : whole;
      if (!best || score < best.score) best = { via: neighbour, seqno, metric: whole, score };
    }
    return best;
  }

  private onTold({ address, seqno, metric }: RouteOffer): void {
    const destination = this.destinations.get(address);
    if (!destination) return;
    if (destination.toldAgo >= REPEATED_AFTER || Math.abs(metric - destination.told) > metric * CHANGED)
      destination.toldAgo = 0;
    destination.told = metric;
    if (metric === UNREACHABLE) return;
    const { feasible } = destination;
    const atMs = this.nowMs();
    const isOld = feasible && atMs - feasible.atMs > STALE_MS;
    if (!feasible || isOld || isBetter({ seqno, metric }, feasible))
      destination.feasible = { seqno, metric, atMs };
    else if (feasible.seqno === seqno) feasible.atMs = atMs;
  }
}

interface Distance {
  seqno: number;
  metric: number;
}

/** RFC 8966, section 3.5.1; seqnos go round. */
function isBetter(one: Distance, other: Distance): boolean {
  const ahead = (one.seqno - other.seqno) & 0xff;
  return ahead === 0 ? one.metric < other.metric : ahead < 128;
}
