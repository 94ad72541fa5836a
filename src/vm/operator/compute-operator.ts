import type { Clock } from "../../host/clock.ts";
import type { Journal } from "../../store/index.ts";
import type { Policy } from "../admission/index.ts";
import type { LendingCapability } from "../capability/index.ts";
import type { OwnMachine } from "../held/index.ts";
import type { EndedLease, LeaseStatistics } from "../leases/index.ts";
import type { Lender } from "../lending/index.ts";
import type { LeaseTraffic } from "../watch/index.ts";
import type { BlockedRequesters } from "./blocked-requesters.ts";
import {
  type ComputeView,
  type Names,
  NO_NAMES,
  shownEnd,
  shownLease,
  shownRequester,
  shownTerms,
  shownWaiting,
} from "./compute-view.ts";

/** What there is while the box lends. */
export interface OperatedLending {
  lender: Pick<Lender, "leases" | "waiting" | "operatorSays" | "operatorEnds" | "blockedHasChanged">;
  capability(): LendingCapability;
  /** As of the last look; undefined: there was none. */
  traffic(lease: string): LeaseTraffic | undefined;
  statistics(lease: string): LeaseStatistics;
  /** All that there are, not the leases' alone. */
  machines(): readonly OwnMachine[];
  /** The last that ended, the latest begun first. */
  ended(most: number): readonly EndedLease[];
}

export interface ComputeOperatorOptions {
  /** Undefined while nothing is lent. */
  lending(): OperatedLending | undefined;
  /** What is missing, in words, while nothing is lent. */
  lendsNothing(): string | undefined;
  policy: Policy;
  blocked: BlockedRequesters;
  names?: Names;
  journal: Pick<Journal, "append">;
  clock: Pick<Clock, "wallMs">;
}

/** What of it the operator's page and command line use. */
export type OperatedCompute = Pick<
  ComputeOperator,
  "view" | "allow" | "refuse" | "end" | "block" | "unblock"
>;

const ENDED_SHOWN = 20;
/** Among whose past leases an id is looked for. */
const MOST_ENDED = 1_000;

/**
 * The operator's side of what a box lends: looks, answers, ends and blocks. Each change gives back why it was not made, or
 * undefined once it is. Ids may be cut to their first digits where these are enough.
 */
export class ComputeOperator {
  private readonly names: Names;

  constructor(private readonly options: ComputeOperatorOptions) {
    this.names = options.names ?? NO_NAMES;
  }

  view(): ComputeView {
    const { lending, lendsNothing, policy, clock } = this.options;
    const names = this.names;
    const now = lending();
    const nothing = lendsNothing() ?? (now ? undefined : "it is starting");
    const view: ComputeView = {
      ...(nothing === undefined ? {} : { lendsNothing: nothing }),
      ...{ leases: [], waiting: [], ended: [], machines: [] },
      ...{ blocked: this.blocked(), terms: shownTerms(policy) },
    };
    if (!now) return view;
    const { lender, traffic, statistics, ended } = now;
    const { acceleration, total, lent, free, leases, maxLeases } = now.capability();
    return {
      ...view,
      room: { acceleration, total, lent, free, leases, maxLeases },
      leases: lender.leases().map((one) => {
        const { id } = one.lease.state;
        return shownLease(one, traffic(id), statistics(id), names);
      }),
      machines: [...now.machines()],
      waiting: shownWaiting(lender.waiting(), clock.wallMs(), names),
      ended: ended(ENDED_SHOWN).map((one) => shownEnd(one, names)),
    };
  }

  allow(id: string): Promise<string | undefined> {
    return this.change(id, "waiting", (lender, whole) => lender.operatorSays(whole, "yes"));
  }

  refuse(id: string): Promise<string | undefined> {
    return this.change(id, "waiting", (lender, whole) => lender.operatorSays(whole, "no"));
  }

  /** A lease, or a request that waits. */
  end(id: string): Promise<string | undefined> {
    return this.change(id, "any", (lender, whole) => lender.operatorEnds(whole));
  }

  /**
   * Lends somebody nothing from now on, and ends what they have.
   * @param who their public key, or the id of a lease or request of theirs
   */
  async block(who: string): Promise<string | undefined> {
    const requester = /^[0-9a-f]{64}$/.test(who) ? who : this.requesterOf(who);
    if (requester === undefined) return `${who}: is no public key, and no one lease or request has this id`;
    if (!this.options.blocked.block(requester)) return "too many are blocked already";
    // First what it does: the medium may be slow, or full.
    await this.options.lending()?.lender.blockedHasChanged();
    await this.note("requester-blocked", requester);
    return undefined;
  }

  /** @param who a public key, or the first digits of one that is blocked */
  async unblock(who: string): Promise<string | undefined> {
    const { blocked, policy } = this.options;
    const found = /^[0-9a-f]{4,64}$/.test(who) ? blocked.list().filter((key) => key.startsWith(who)) : [];
    const [requester, ...more] = found;
    if (requester === undefined)
      return policy.blocked.some((key) => key.startsWith(who))
        ? "it is blocked by the configuration: take it out of vm.blocked, and restart the box"
        : `${who}: nobody with such a key is blocked`;
    if (more.length > 0) return `${who}: several that are blocked have such a key`;
    blocked.unblock(requester);
    await this.note("requester-unblocked", requester);
    return undefined;
  }

  private blocked(): ComputeView["blocked"] {
    const { policy, blocked } = this.options;
    const shown = (byConfiguration: boolean) => (key: string) => ({
      ...shownRequester(key, undefined, this.names),
      byConfiguration,
    });
    return [...blocked.list().map(shown(false)), ...policy.blocked.map(shown(true))];
  }

  private async change(
    id: string,
    of: "waiting" | "any",
    how: (lender: OperatedLending["lender"], id: string) => Promise<boolean>,
  ): Promise<string | undefined> {
    const lender = this.options.lending()?.lender;
    if (!lender) return `this box lends nothing: ${this.options.lendsNothing() ?? "it is starting"}`;
    const waiting = lender.waiting().map(({ request }) => request.id);
    const leases = of === "any" ? lender.leases().map(({ lease }) => lease.state.id) : [];
    const what = of === "any" ? "lease or request" : "request that waits";
    const [whole, ...more] = meant(id, [...waiting, ...leases]);
    if (whole === undefined) return `${id}: there is no such ${what}`;
    if (more.length > 0) return `${id}: more than one ${what} begins like this`;
    return (await how(lender, whole)) ? undefined : `${id}: there is no such ${what} any more`;
  }

  private requesterOf(id: string): string | undefined {
    const now = this.options.lending();
    if (!now) return undefined;
    const requesters = new Map<string, string>();
    for (const one of now.ended(MOST_ENDED)) requesters.set(one.id, one.requester);
    for (const { request } of now.lender.waiting()) requesters.set(request.id, request.requester);
    for (const { lease } of now.lender.leases()) requesters.set(lease.state.id, lease.state.requester);
    const found = new Set(meant(id, [...requesters.keys()]).map((whole) => requesters.get(whole)));
    return found.size === 1 ? [...found][0] : undefined;
  }

  private async note(kind: string, requester: string): Promise<void> {
    await this.options.journal.append("vm", kind, requester, {});
  }
}

/** The ids that are meant by the beginning of one: itself alone where it is whole. */
const meant = (id: string, ids: readonly string[]): string[] =>
  /^[0-9a-f]{4,32}$/.test(id) ? [...new Set(ids.filter((one) => one.startsWith(id)))] : [];

/** For a box that is to lend nothing: says why, and does nothing. @param why as the end of "this box lends nothing: …" */
export function lendsNothing(why: string, policy: Policy): OperatedCompute {
  const refused = async () => `this box lends nothing: ${why}`;
  return {
    view: () => ({
      lendsNothing: why,
      ...{ leases: [], waiting: [], ended: [], blocked: [], machines: [], terms: shownTerms(policy) },
    }),
    ...{ allow: refused, refuse: refused, end: refused, block: refused, unblock: refused },
  };
}
