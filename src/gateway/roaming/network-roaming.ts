import type { Logger } from "../../host/log.ts";
import { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import { type SigningKey, signingKey } from "../../identity/index.ts";
import { RISKS_VERSION } from "../session.ts";
import type { Ended } from "./ended-statements.ts";
import { holdsForS, KnownStatements } from "./known-statements.ts";
import { NeighboursExchange } from "./neighbours-exchange.ts";
import { isBox, type RoamingNetwork } from "./roaming-network.ts";
import { MAX_NONCE, MAX_SERIAL, openStatement, signStatement, type Told } from "./statement.ts";
import type { StatementStore } from "./statement-store.ts";
import { StationNames } from "./station-names.ts";

/**
 * A withdrawal is remembered for a week, or for as long as what it ends would have held: a box that comes back within that
 * time with an agreement from before, having counted none of it while it was off, learns that it is over.
 */
const WITHDRAWN_FOR_S = 7 * 86_400;

/** What is told at once of one station, and of all: less than neighbours take. What is beyond comes by comparing, the last word only. */
const AT_ONCE = { burst: 10, perSecond: 0.1, totalPerSecond: 15, maxSources: 1_024 };

/** What holds of a station in one network, and how long ago that was said, as far as the boxes could count. */
export type Standing = { ageS: number; from: string } & (
  | { what: "agreed"; language: string; secondsLeft: number; isOwn: boolean }
  | { what: "left" }
);

export interface NetworkRoamingOptions {
  network: RoamingNetwork;
  store: StatementStore;
  /** The mesh's name for who has a public key. */
  peerIdOf: (publicKey: Uint8Array) => string;
  /** How long agreements hold at this box at most, in s. */
  mostS: number;
  /** Something else holds of a station with this name, in hex. */
  changed: (station: string) => void;
  /** The time of what was said of a station is over, by whoever has counted it for longest. */
  over: (station: string) => void;
  timers: Timers;
  random: () => number;
  log: Logger;
}

/** What the boxes of one network tell each other of stations. */
export class NetworkRoaming {
  private readonly names: StationNames;
  private readonly known: KnownStatements;
  private readonly exchange: NeighboursExchange;
  private readonly atOnce: SourceLimiter;
  private readonly key: SigningKey;
  private readonly self: string;
  /** Boxes that were found to be members since this box started: who of them is none any more is believed no more. */
  private readonly met = new Set<string>();
  private endChanges: () => void = () => {};

  constructor(private readonly options: NetworkRoamingOptions) {
    const { network, timers, random, log, peerIdOf } = options;
    this.names = new StationNames(() => network.membership.sharedKeys());
    this.known = new KnownStatements(() => timers.monotonicMs());
    this.atOnce = new SourceLimiter(AT_ONCE, timers.monotonicMs());
    this.key = signingKey(network.membership.seed);
    this.self = peerIdOf(this.key.publicKey);
    this.exchange = new NeighboursExchange({
      engine: network.engine,
      known: this.known,
      take: (told) => this.takeFromOthers(told),
      evenOut: (ages) => {
        this.known.evenOut(ages);
        this.sweep();
      },
      timers,
      random,
      log,
    });
  }

  start(): void {
    const { store, network, log } = this.options;
    for (const ended of store.endedIn(network.membership.id)) this.known.ended.restore(ended);
    for (const { signed, ageS } of store.of(network.membership.id)) {
      try {
        this.known.take({ signed, statement: openStatement(signed), ageS });
      } catch (error) {
        log.error({ error }, "a kept statement cannot be read");
      }
    }
    this.endChanges = network.membership.onChange(() => {
      this.names.forget();
      this.forgetWhoIsOut();
    });
    this.forgetWhoIsOut();
    this.exchange.start();
  }

  /** @returns when what it knows is on the medium */
  async stop(): Promise<void> {
    this.exchange.stop();
    this.endChanges();
    await this.save();
  }

  /** How many stations something is known of. */
  get size(): number {
    return this.known.size;
  }

  /** Whether the boxes call a station by this name, in hex. */
  isCalled(mac: string, station: string): boolean {
    return this.names.of(mac).includes(station);
  }

  /** @returns undefined where no box has said anything that holds here */
  standingOf(mac: string): Standing | undefined {
    const latest = this.known.latest(this.names.of(mac));
    if (!latest) return undefined;
    const { statement, ageS } = latest.told;
    const peer = this.options.peerIdOf(statement.signer);
    const from = this.options.network.directory.get(peer)?.record.name || peer;
    if (statement.what === "left") return { what: "left", ageS, from };
    const secondsLeft = holdsForS(statement, ageS, this.options.mostS);
    if (secondsLeft === 0 || statement.risks !== RISKS_VERSION) return undefined;
    const isOwn = peer === this.self;
    return { what: "agreed", ageS, from, language: statement.language, secondsLeft, isOwn };
  }

  /** What has become of what this box itself said last of a station and holds no more, if there is such: its time is over, or it was replaced sooner. */
  ownEnd(mac: string): "over" | "replaced" | undefined {
    const last = this.lastOwnEnded(this.names.of(mac));
    if (!last) return undefined;
    return last.ageS >= last.lifetimeS ? "over" : "replaced";
  }

  agreed(mac: string, language: string, lifetimeS: number): void {
    this.say(mac, "agreed", language, lifetimeS);
  }

  left(mac: string): void {
    const before = this.known.latest(this.names.of(mac));
    this.say(mac, "left", "", Math.max(WITHDRAWN_FOR_S, before?.leftS ?? 0));
  }

  /** Ends what is over. */
  sweep(): void {
    this.forget([]);
  }

  /** Ends what is over, and writes down how long the rest still holds. */
  async checkpoint(): Promise<void> {
    const { network, peerIdOf } = this.options;
    this.sweep();
    // Those whose statements were on the medium are known to be members only once they have been heard of.
    for (const signer of this.known.signers())
      if (network.membership.isStillMember(signer)) this.met.add(peerIdOf(signer));
    await this.save();
  }

  private async save(): Promise<void> {
    const { store, network } = this.options;
    this.forgotten([]);
    const all = [...this.known.all()].map(({ station, told: { signed, ageS } }) => ({
      station,
      signed,
      ageS,
    }));
    if (all.length > 0) await store.save(network.membership.id, all);
  }

  private lastOwnEnded(stations: readonly string[]): Ended | undefined {
    return this.known.ended.lastOf(Buffer.from(this.key.publicKey).toString("hex"), stations);
  }

  private say(mac: string, what: "agreed" | "left", language: string, lifetimeS: number): void {
    const names = this.names.of(mac);
    const [station] = names;
    if (station === undefined) return;
    const before = Math.max(
      this.known.latest(names)?.told.statement.serial ?? 0,
      this.lastOwnEnded(names)?.serial ?? 0,
    );
    const signed = signStatement(
      {
        station: Buffer.from(station, "hex"),
        serial: Math.min(MAX_SERIAL, before + 1),
        what,
        lifetimeS: Math.ceil(lifetimeS),
        language,
        risks: RISKS_VERSION,
        nonce: Math.floor(this.options.random() * (MAX_NONCE + 1)),
      },
      this.key,
    );
    const told = { signed, statement: openStatement(signed), ageS: 0 };
    // Whoever agrees and leaves without end must not keep the boxes of a whole network busy.
    if (this.take(told, station) && this.atOnce.takes(station, this.options.timers.monotonicMs()))
      this.exchange.spread(station, told);
  }

  private takeFromOthers(told: Told): boolean {
    const { signer, station } = told.statement;
    const peer = this.options.peerIdOf(signer);
    if (peer !== this.self) {
      if (!this.isBoxHere(peer) || this.options.network.membership.isPutOut(signer)) return false;
      this.met.add(peer);
    }
    const name = Buffer.from(station).toString("hex");
    if (!this.take(told, name)) return false;
    this.options.changed(name);
    return true;
  }

  private isBoxHere(peer: string): boolean {
    const { directory, engine } = this.options.network;
    const member = directory.get(peer)?.member ?? engine.connections(peer)[0]?.member;
    return member !== undefined && isBox(member);
  }

  private isOut(signer: Uint8Array): boolean {
    const { membership } = this.options.network;
    if (membership.isPutOut(signer)) return true;
    return this.met.has(this.options.peerIdOf(signer)) && !membership.isStillMember(signer);
  }

  private forgetWhoIsOut(): void {
    const out = this.known.signers().filter((signer) => this.isOut(signer));
    this.forget(out);
  }

  private forget(out: readonly Uint8Array[]): void {
    const { gone, over } = this.known.sweep(out);
    this.forgotten(gone);
    for (const station of new Set(over.map((ended) => ended.station))) this.options.over(station);
  }

  private take(told: Told, station: string): boolean {
    const { isNew, gone } = this.known.take(told);
    this.forgotten(gone);
    if (!isNew) return false;
    const { store, network, log } = this.options;
    store
      .save(network.membership.id, [{ station, signed: told.signed, ageS: told.ageS }])
      .catch((error) => log.error({ error }, "who roams could not be kept"));
    return true;
  }

  /** Nothing is known of these any more; what has ended is written down along with that. */
  private forgotten(stations: readonly string[]): void {
    const ended = this.known.ended.unsaved();
    if (stations.length + ended.put.length + ended.gone.length === 0) return;
    const { store, network, log } = this.options;
    store
      .remove(network.membership.id, stations, ended)
      .catch((error) => log.error({ error }, "who roams could not be kept"));
  }
}
