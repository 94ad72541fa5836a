import type { Timers } from "../../host/timers.ts";
import { encodeBody } from "./body.ts";
import type { Way } from "./courier.ts";
import { DATAGRAM_OVERHEAD } from "./datagram.ts";
import { type Endpoint, endpointText } from "./endpoint.ts";
import { canonicalEndpoint } from "./endpoint-code.ts";
import { type PathView, stableAfterMs } from "./path-choice.ts";
import { ENERGY_JOULE_PER_MB, PathMeasure } from "./path-measure.ts";
import type { PathOffer, PathStatus, PathTarget } from "./paths-interface.ts";
import { paceOf } from "./proof-schedule.ts";
import { Prover } from "./prover.ts";
import { TrainSender } from "./train.ts";

/** What a path needs of the peer that it leads to. */
export interface PathHost {
  timers: Timers;
  random: () => number;
  /** Seals the body and hands it to the carrier. @returns bytes of the datagram @throws when it cannot leave */
  transmit: (target: PathTarget, body: Uint8Array) => number;
  maxDatagramBytes: (target: PathTarget) => number;
  intervalMs: (path: Path) => number;
  lostForMs: () => number | undefined;
  isWanted: (path: Path) => boolean;
  /** Another path works. */
  hasOther: (path: Path) => boolean;
  changed: () => void;
}

/** On LoRa the link beneath repeats by itself, and a message takes many seconds. */
const LORA_RETRY_MS = 90_000;

/**
 * A path that carries proofs and swallows messages is left: somebody on it tells them apart. So many times in a row a proof
 * that was sent after a message must have been answered while the message was not.
 */
const SWALLOWED_UNTIL_DISTRUST = 8;

/** The one name of where a path leads; undefined where it leads nowhere. */
export function pathId(target: PathTarget): string | undefined {
  switch (target.by) {
    case "udp": {
      const endpoint = canonicalEndpoint(target.endpoint);
      return endpoint && `udp ${endpointText(endpoint)}`;
    }
    case "stream":
      return `stream ${target.connectionId}`;
    case "relay":
      return `relay ${target.relay}`;
    case "lora":
      return `lora ${target.address}`;
  }
}

/** The interface that a link-local address names. */
export function zoneOf(target: PathTarget): string | undefined {
  return target.by === "udp" ? target.endpoint.address.split("%")[1] : undefined;
}

/** One way to a peer, with all that is known of it. */
export class Path implements Way {
  readonly measure = new PathMeasure();
  readonly prover: Prover;
  readonly trains: TrainSender;
  observed: Endpoint | undefined;
  /** Messages have not been acknowledged since; undefined where none, or one that went later was. */
  private suspectSinceMs: number | undefined;
  private swallowedInARow = 0;

  /**
   * @param number what stands for it in our proofs, 16 bit
   * @param isLearned nobody offered it: datagrams of the peer came by it
   */
  constructor(
    readonly id: string,
    readonly number: number,
    public offer: PathOffer,
    public isLearned: boolean,
    private readonly host: PathHost,
  ) {
    this.prover = new Prover({
      timers: host.timers,
      random: host.random,
      pace: paceOf(offer.kind),
      measure: this.measure,
      send: (sequence) => this.transmit(encodeBody({ kind: "proof", path: number, sequence })),
      intervalMs: () => host.intervalMs(this),
      lostForMs: host.lostForMs,
      isMetered: () => this.offer.metered,
      isWanted: () => host.isWanted(this),
      changed: host.changed,
    });
    this.trains = new TrainSender({
      timers: host.timers,
      random: host.random,
      maxBodyBytes: () => this.maxBodyBytes(),
      // Where bytes cost, or somebody else's box or a queue lies between, nothing is spent on knowing how many pass.
      isFit: () => this.prover.state === "good" && this.offer.target.by === "udp" && !this.offer.metered,
      send: (body) => this.carry(body),
      told: (kbit) => this.measure.trainsTold(kbit, host.timers.monotonicMs()),
    });
  }

  start(): void {
    this.prover.start();
    this.trains.start();
  }

  stop(): void {
    this.prover.stop();
    this.trains.stop();
  }

  get rttMs(): number | undefined {
    return this.measure.rttMs;
  }

  get jitterMs(): number | undefined {
    return this.measure.jitterMs;
  }

  get leastRetryMs(): number {
    return this.offer.kind === "lora" ? LORA_RETRY_MS : 0;
  }

  /** The interface that it leaves by, as far as it is known. */
  get interface(): string | undefined {
    return this.offer.interface ?? zoneOf(this.offer.target);
  }

  maxBodyBytes(): number {
    return this.host.maxDatagramBytes(this.offer.target) - DATAGRAM_OVERHEAD;
  }

  /** @throws when it cannot leave */
  transmit(body: Uint8Array): void {
    this.measure.sent(this.host.transmit(this.offer.target, body));
  }

  carry(body: Uint8Array): boolean {
    try {
      this.transmit(body);
    } catch {
      this.prover.hint();
      return false;
    }
    return true;
  }

  unanswered(sentMs: number): void {
    if (this.offer.kind === "lora") return;
    // However many messages: they are one doubt, which one proof decides.
    this.suspectSinceMs ??= sentMs;
    this.prover.hint();
  }

  /** A message that went by it has been acknowledged by it. */
  answered(): void {
    this.suspectSinceMs = undefined;
    this.swallowedInARow = 0;
  }

  /** A proof has come back: what went before it and did not was swallowed. @param sentMs when it left */
  proven(sentMs: number): void {
    if (this.suspectSinceMs === undefined || this.suspectSinceMs > sentMs) return;
    this.suspectSinceMs = undefined;
    this.swallowedInARow += 1;
    if (this.swallowedInARow < SWALLOWED_UNTIL_DISTRUST || !this.host.hasOther(this)) return;
    this.swallowedInARow = 0;
    // It counts as one that has died, and is to show itself anew.
    this.prover.die();
  }

  /** When it will have been good for long enough; undefined while it is not good. */
  stableAtMs(): number | undefined {
    const { goodSinceMs } = this.prover;
    return goodSinceMs === undefined ? undefined : goodSinceMs + stableAfterMs(this.prover.recentDeaths());
  }

  view(nowMs: number, dependsOn: string | undefined): PathView {
    const { kind, cost, metered } = this.offer;
    const { rttMs } = this.measure;
    const capacityKbit = this.measure.capacityKbit(nowMs);
    const energyJoulePerMb = ENERGY_JOULE_PER_MB[kind];
    return {
      id: this.id,
      kind,
      cost,
      metered,
      state: this.prover.state,
      ...this.measure.counted(nowMs),
      isStable: (this.stableAtMs() ?? Number.POSITIVE_INFINITY) <= nowMs,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(capacityKbit === undefined ? {} : { capacityKbit }),
      ...(energyJoulePerMb === undefined ? {} : { energyJoulePerMb }),
      ...(dependsOn === undefined ? {} : { dependsOn }),
    };
  }

  status(nowMs: number, chosen: boolean): PathStatus {
    const { measure, prover, observed } = this;
    const { rttMs, jitterMs, sentBytes, receivedBytes } = measure;
    const throughputKbit = measure.throughputKbit(nowMs);
    const energyJoulePerMb = ENERGY_JOULE_PER_MB[this.offer.kind];
    return {
      ...this.offer,
      id: this.id,
      state: prover.state,
      chosen,
      loss: measure.loss(nowMs),
      sentBytes,
      receivedBytes,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(jitterMs === undefined ? {} : { jitterMs }),
      ...(throughputKbit === undefined ? {} : { throughputKbit }),
      ...(energyJoulePerMb === undefined ? {} : { energyJoulePerMb }),
      ...(prover.provenMs === undefined ? {} : { provenAgoMs: nowMs - prover.provenMs }),
      ...(observed ? { observed } : {}),
    };
  }
}
