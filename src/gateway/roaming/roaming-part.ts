import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { Timers } from "../../host/timers.ts";
import { type Journal, tellFromNewer } from "../../store/index.ts";
import type { Gateway, GuestDecision } from "../gateway.ts";
import { hasConsent, type Session } from "../session.ts";
import { LatestDecisions } from "./latest-decisions.ts";
import { NetworkRoaming, type Standing } from "./network-roaming.ts";
import type { RoamingNetwork, RoamingNetworks } from "./roaming-network.ts";
import type { StatementStore } from "./statement-store.ts";

/** How often ages are written down: what a power cut can add to what others have said. */
const CHECKPOINT_EVERY_MS = 10 * 60_000;
/** How late what is over may be noticed. */
const SWEEP_EVERY_MS = 30_000;
/** Networks that begin together are looked at together: one may have the word that another lacks. */
const SETTLE_MS = 2_000;

export interface RoamingPartOptions {
  gateway: Pick<Gateway, "sessions" | "onDecision" | "welcome" | "leftElsewhere" | "ranOut">;
  networks: RoamingNetworks;
  store: StatementStore;
  /** The mesh's name for who has a public key. */
  peerIdOf: (publicKey: Uint8Array) => string;
  /** `gateway.consent_minutes`. */
  consentMinutes: number;
  timers: Timers;
  random: () => number;
  journal?: Pick<Journal, "append">;
  log: Logger;
}

/**
 * A phone that walks from one box to the next keeps its agreement, and leaves everywhere when it leaves anywhere.
 *
 * - **Who.** Boxes that are members of one network as box (or as its operator) believe each other. A station is named by a keyed
 *   hash of its MAC address (`station-names.ts`). The key comes of the network's shared key, so whoever has that, any member,
 *   could try MAC addresses out; that is why statements go to boxes alone, and nothing of them by gossip. Phones that make up
 *   their MAC address have one for each network name, so boxes of one name see the same; where the names differ, the owner is asked again.
 * - **What.** A statement (`statement.ts`), some 140 bytes, signed by its box: agreed, or left; how long it holds; language;
 *   which version of the risks. Beside it stands its age in seconds, which every box goes on counting. There are no dates: a
 *   box has no clock to trust. While a box is off it counts nothing; whoever it compares with has counted on, and the greater age
 *   counts for both. What is over for one so ends at all others, and with it the sessions that rest on it. Boxes that were all
 *   off count nothing together: that long it holds longer.
 * - **What has ended** stays ended (`ended-statements.ts`): what is over, or was replaced, is not taken in again from a box that was
 *   off. It is known by its tag, with signer and station, until a week after its time was over. A box that was out of reach of all
 *   others for longer than that may bring an agreement back, for the time that it has not counted.
 * - **Which holds.** The one with the higher serial; a box says its own by one more than the highest that it knows of the
 *   station. Agreed at A is 1; left at B, which knew of 1, is 2; A, back after a power cut with 1 on its medium, hears 2 and ends
 *   the session. At the same serial, which two boxes gave without hearing of each other, "left" holds. A withdrawal is kept for a week at least.
 * - **Several networks.** A box that is in several tells all of its own guests' decisions, and of what it hears in one only that somebody
 *   has left. Serials are each network's own: between networks the younger word holds, by age.
 * - **Before the network runs.** What owners decide while a network is not there yet, or is gone, it is told when it begins (`latest-decisions.ts`).
 * - **How it spreads.** From box to neighbouring box by streams, at once (`neighbours-exchange.ts`); what was missed, by a box that was off or
 *   a mesh in two halves, comes by comparing with one neighbour at a time. News of one neighbour are limited in number, statements of one box
 *   too (`known-statements.ts`), what is told at once of one station, a lifetime by what a box may be configured to give. All is on the medium until its time is over.
 * - **On arrival.** DHCP makes a session; where an agreement holds, the gateway lets it through, for no longer than this box gives
 *   agreements itself, and writes `guest-came` into the journal. It is not asked whether the phone has left the other box: it may be in reach of both.
 *
 * What a box that lies can do: let stations through at other boxes as it may at its own; end others' agreements, by its word or by
 * a greater age, whose owners then see the page again; end withdrawals, which lets in nobody whom it could not let in itself; and
 * hold on to its word by a high serial for as long as a statement may last. It learns which hashes agreed where. Once it is put
 * out of the network, what it has said is forgotten, but not the ages; where it was put out with an invite that it came by, by boxes
 * that have checked its certificates since they started. A MAC address is no proof of anything, here as at one box
 * alone: who takes over another's address is let through with it, and can leave for its owner, who then sees the page again.
 */
export class RoamingPart implements Part {
  readonly name = "roaming";
  private readonly running = new Map<string, NetworkRoaming>();
  /** Stations that are being let through just now. */
  private readonly coming = new Set<string>();
  private readonly ends: (() => unknown)[] = [];
  private readonly decisions: LatestDecisions;
  /** When networks that ran have ended, by their ids, on the monotonic clock in ms. */
  private readonly endedAtMs = new Map<string, number>();
  private callOffSettling: () => void = () => {};
  private unkept: string | undefined;

  constructor(private readonly options: RoamingPartOptions) {
    this.decisions = new LatestDecisions(() => options.timers.monotonicMs());
  }

  async start(): Promise<void> {
    const { gateway, networks, store, timers, journal, log } = this.options;
    const found = store.open();
    const { setAside, volatile } = found;
    if (setAside) log.error(`who roams could not be read; it is in ${setAside}, and a new list has begun`);
    this.unkept = volatile;
    tellFromNewer(found, { part: this.name, what: "statements about who roams", journal, log });
    this.ends.push(
      networks.onNetworks({
        began: (network) => this.began(network),
        ended: (id) => void this.ended(id).catch(this.failed),
      }),
      gateway.onDecision((decision) => this.decided(decision)),
      gateway.sessions.onChange((session) => this.met(session)),
      atIntervals(SWEEP_EVERY_MS, () => this.sweep(), this.failed, timers),
      atIntervals(CHECKPOINT_EVERY_MS, () => this.checkpoint(), this.failed, timers),
    );
  }

  async stop(): Promise<void> {
    this.callOffSettling();
    for (const end of this.ends.splice(0)) await end();
    await Promise.all([...this.running.keys()].map((id) => this.ended(id)));
    this.options.store.close();
  }

  detail(): string {
    const [known, elsewhere] = [
      [...this.running.values()].reduce((sum, { size }) => sum + size, 0),
      this.options.gateway.sessions.all().filter((one) => hasConsent(one) && one.from !== "").length,
    ];
    return `${known} ${known === 1 ? "station" : "stations"} known by other boxes or told to them; ${elsewhere} came from other boxes`;
  }

  trouble(): string | undefined {
    return this.unkept === undefined ? undefined : `who roams is not kept through a restart: ${this.unkept}`;
  }

  private began(network: RoamingNetwork): void {
    const { gateway, consentMinutes, networks: _, ...options } = this.options;
    const { id } = network.membership;
    const roaming = new NetworkRoaming({
      ...options,
      network,
      mostS: consentMinutes * 60,
      changed: (station) => this.changed(roaming, station),
      over: (station) => this.over(roaming, station),
    });
    this.running.set(id, roaming);
    roaming.start();
    for (const decision of this.decisions.since(this.endedAtMs.get(id) ?? Number.NEGATIVE_INFINITY))
      this.tellLate(roaming, decision);
    this.settleLater();
    for (const session of gateway.sessions.all()) {
      this.met(session);
      // It was given before this box belonged to the network, or the network had other keys. What has ended is not said anew.
      const isOwn = hasConsent(session) && session.from === "";
      if (isOwn && !roaming.standingOf(session.mac) && !roaming.ownEnd(session.mac))
        roaming.agreed(session.mac, session.language, this.secondsLeft(session));
    }
  }

  private async ended(id: string): Promise<void> {
    const roaming = this.running.get(id);
    this.running.delete(id);
    this.endedAtMs.set(id, this.options.timers.monotonicMs());
    await roaming?.stop();
  }

  private decided(decision: GuestDecision): void {
    this.decisions.note(decision);
    for (const roaming of this.running.values()) {
      if (decision.kind === "left") roaming.left(decision.mac);
      else roaming.agreed(decision.mac, decision.language, decision.durationMs / 1_000);
    }
  }

  /** A network has begun to run after its owner's decision, and knows only what held before. */
  private tellLate(roaming: NetworkRoaming, { kind, mac }: GuestDecision): void {
    const session = this.options.gateway.sessions.get(mac);
    if (kind === "left") {
      if (roaming.standingOf(mac)?.what === "agreed") roaming.left(mac);
    } else if (session && hasConsent(session) && session.from === "") {
      roaming.agreed(mac, session.language, this.secondsLeft(session));
    }
  }

  /** Something else holds of whoever bears this name in the network. */
  private changed(roaming: NetworkRoaming, station: string): void {
    for (const session of this.options.gateway.sessions.all())
      if (roaming.isCalled(session.mac, station)) this.reconsider(session, roaming.standingOf(session.mac));
  }

  /**
   * The time of something that was said of whoever bears this name is over, maybe by the count of boxes that were on while this
   * one was off: who was let through by it is let through no longer.
   */
  private over(roaming: NetworkRoaming, station: string): void {
    for (const session of this.options.gateway.sessions.all()) {
      if (!hasConsent(session) || !roaming.isCalled(session.mac, station)) continue;
      if (this.latestOf(session.mac)?.what === "agreed") continue;
      // What its owner agreed to at this box does not end with what another box has given for a shorter time.
      if (session.from === "" && roaming.ownEnd(session.mac) !== "over") continue;
      this.options.gateway.ranOut(session.mac).catch(this.failed);
    }
  }

  private reconsider(session: Session, standing: Standing | undefined): void {
    if (standing?.what !== "left" || !hasConsent(session)) {
      this.met(session);
      return;
    }
    // Where this box is in several networks it is the only one to know in the others.
    for (const roaming of this.running.values())
      if (roaming.standingOf(session.mac)?.what === "agreed") roaming.left(session.mac);
    this.options.gateway.leftElsewhere(session.mac, standing.from).catch(this.failed);
  }

  /** An end that a power cut has come before is made up for; one that the owner has agreed after, in another network, is not. */
  private settleLater(): void {
    this.callOffSettling();
    this.callOffSettling = this.options.timers.after(SETTLE_MS, () => {
      for (const session of this.options.gateway.sessions.all())
        this.reconsider(session, this.latestOf(session.mac));
    });
  }

  /**
   * What was said last of a station, of all networks of this box. Serials are each network's own, so ages tell; at the same age
   * its owner has left.
   */
  private latestOf(mac: string): Standing | undefined {
    let latest: Standing | undefined;
    for (const roaming of this.running.values()) {
      const one = roaming.standingOf(mac);
      if (!one) continue;
      const isLater = !latest || one.ageS < latest.ageS || (one.ageS === latest.ageS && one.what === "left");
      if (isLater) latest = one;
    }
    return latest;
  }

  /** A station is here that has not agreed here. */
  private met({ mac, state }: Session): void {
    if ((state !== "new" && state !== "shown") || this.coming.has(mac)) return;
    const standing = this.latestOf(mac);
    if (standing?.what !== "agreed") return;
    const { from, language, secondsLeft, isOwn } = standing;
    this.coming.add(mac);
    this.options.gateway
      .welcome(mac, { from: isOwn ? "" : from, language, durationMs: secondsLeft * 1_000 })
      .catch(this.failed)
      .finally(() => {
        this.coming.delete(mac);
        // It may have left elsewhere meanwhile.
        const session = this.options.gateway.sessions.get(mac);
        const now = this.latestOf(mac);
        if (session && now?.what === "left") this.reconsider(session, now);
      });
  }

  private sweep(): void {
    for (const roaming of this.running.values()) roaming.sweep();
  }

  private async checkpoint(): Promise<void> {
    for (const roaming of this.running.values()) await roaming.checkpoint();
  }

  private secondsLeft({ endsAtMs }: Session): number {
    return Math.max(1, (endsAtMs - this.options.timers.monotonicMs()) / 1_000);
  }

  private readonly failed = (error: unknown): void => {
    this.options.log.error({ error }, "roaming");
  };
}
