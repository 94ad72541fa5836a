import { createHash } from "node:crypto";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { Observation } from "../nat/nat-interface.ts";
import { type Body, decodeBody, encodeBody, SHORT_ID_BYTES } from "./body.ts";
import type { ControlError } from "./control-error.ts";
import { Courier, type Ways } from "./courier.ts";
import { Inbox } from "./inbox.ts";
import { type Path, zoneOf } from "./path.ts";
import { choosePath, isUsable, type PathChoice, type PathPolicy } from "./path-choice.ts";
import { PathSet } from "./path-set.ts";
import type { PathOffer, PathStatus, PathTarget, SessionKeys } from "./paths-interface.ts";
import { proofIntervalMs } from "./proof-schedule.ts";
import { Sessions } from "./sessions.ts";
import { TrainReceiver } from "./train.ts";
import type { Turns } from "./turns.ts";

/** What the paths to one peer need of those to all. */
export interface PeerHost {
  timers: Timers;
  random: () => number;
  policy: PathPolicy;
  turns: Turns;
  epoch: number;
  /** @throws when it cannot leave */
  sendDatagram: (to: PeerPaths, target: PathTarget, datagram: Uint8Array) => void;
  maxDatagramBytes: (target: PathTarget) => number;
  /** What a target depends on besides its own interface. */
  dependsOn: (path: Path) => string | undefined;
  classify: (target: PathTarget, interfaceName: string | undefined) => PathOffer;
  /** @returns false where nobody takes messages of this channel */
  deliver: (from: PeerId, channel: string, body: Uint8Array) => boolean;
  forward: (from: PeerPaths, body: Body & { kind: "forward" }) => void;
  forwarded: (by: PeerPaths, body: Body & { kind: "forwarded" }) => void;
  pathChanged: (peer: PeerId, status: PathStatus) => void;
  reachable: (peer: PeerId, isReachable: boolean) => void;
  observed: (observation: Observation) => void;
}

/** Messages to or from the peer so long ago still count as traffic. */
const BUSY_MS = 10_000;
/** That the peer uses another path than we do is looked into so often at most. */
const OTHER_WAY_MS = 500;

/** First bytes of the SHA-256 of a peer id. */
export const shortIdOf = (peer: PeerId): Uint8Array =>
  new Uint8Array(createHash("sha256").update(peer).digest().subarray(0, SHORT_ID_BYTES));

/** All ways to one peer: proven, chosen among, and used for messages. */
export class PeerPaths {
  readonly shortId: Uint8Array;
  readonly sessions = new Sessions();
  readonly courier: Courier;
  private readonly paths: PathSet;
  private readonly inbox = new Inbox();
  private readonly trains = new TrainReceiver();
  private choice: PathChoice = { inDoubt: true };
  private lostSinceMs: number | undefined;
  private trafficMs = Number.NEGATIVE_INFINITY;
  private watchers = 0;
  private lookedAtChosenMs = Number.NEGATIVE_INFINITY;
  private isReviewing = false;
  private needsReview = false;
  private isStopped = false;
  private callOffReview: () => void = () => {};

  constructor(
    private readonly host: PeerHost,
    readonly peer: PeerId,
  ) {
    this.shortId = shortIdOf(peer);
    this.lostSinceMs = host.timers.monotonicMs();
    this.paths = new PathSet({
      timers: host.timers,
      random: host.random,
      transmit: (target, body) => this.transmit(target, body),
      maxDatagramBytes: host.maxDatagramBytes,
      intervalMs: (path) => this.intervalMs(path),
      lostForMs: () => (this.lostSinceMs === undefined ? undefined : this.nowMs - this.lostSinceMs),
      hasOther: (path) => this.hasOtherThan(path),
      isWanted: (path) => path.offer.kind !== "lora" || !this.hasOtherThan(path),
      changed: () => this.review(),
    });
    const { timers, turns, epoch } = host;
    this.courier = new Courier({ timers, turns, epoch, ways: () => this.ways() });
  }

  /** @returns indexes that are no longer in use */
  addKeys(keys: SessionKeys): number[] {
    const gone = this.sessions.add(keys, this.nowMs);
    for (const path of this.paths.all) path.prover.hint();
    return gone;
  }

  offer(offer: PathOffer): void {
    const path = this.paths.offer(offer);
    if (path) path.start();
    else this.paths.to(offer.target)?.prover.hint();
    this.review();
  }

  withdraw(id: string): void {
    if (this.paths.remove(id)) this.review();
  }

  interfaceDown(name: string): void {
    this.reviewAfter(() => {
      for (const path of this.paths.all) if (path.interface === name) path.prover.die();
    });
  }

  interfaceUp(name: string): void {
    for (const path of this.paths.all) if (path.interface === name) path.prover.hint();
  }

  /** Somebody depends on being told soon when the chosen path fails. @returns ends it */
  watch(): () => void {
    this.watchers += 1;
    this.hurry();
    let isOver = false;
    return () => {
      if (!isOver) this.watchers -= 1;
      isOver = true;
    };
  }

  /** @param body as it was opened by one of the sessions */
  receive(from: PathTarget, body: Uint8Array, bytes: number, interfaceName: string | undefined): void {
    const decoded = decodeBody(body);
    if (!decoded || this.isStopped) return;
    const path = this.paths.to(from) ?? this.learn(from, interfaceName);
    path?.measure.received(bytes, this.nowMs);
    this.take(decoded, from, path);
  }

  submit(
    channel: string,
    body: Uint8Array,
    urgency: "sos" | "control" | "message",
    timeoutMs: number,
    done: (error?: ControlError) => void,
  ): void {
    this.noteTraffic();
    this.courier.submit(channel, body, urgency, timeoutMs, done);
  }

  /**
   * Sends something once, without waiting for anything: by the chosen path and, in doubt, by the second too.
   * @throws when no straight path leads there
   */
  carryOnce(body: Uint8Array): void {
    const { chosen, second, inDoubt } = this.choice;
    const taken = [chosen, inDoubt ? second : undefined]
      .map((id) => this.paths.get(id))
      .filter((path) => path !== undefined && path.offer.target.by !== "relay" && path.offer.kind !== "lora");
    const sent = taken.filter((path) => path?.carry(body));
    if (sent.length === 0) throw new Error(`${this.peer}: no straight path`);
  }

  /** How large a body is that {@link carryOnce} takes. */
  maxBodyBytes(): number {
    return this.paths.get(this.choice.chosen)?.maxBodyBytes() ?? 0;
  }

  get chosen(): Path | undefined {
    return this.paths.get(this.choice.chosen);
  }

  get isReachable(): boolean {
    return this.lostSinceMs === undefined;
  }

  status(): PathStatus[] {
    return this.paths.all.map((path) => path.status(this.nowMs, path.id === this.choice.chosen));
  }

  stop(why: ControlError): void {
    for (const path of this.paths.all)
      if (isProven(path) && path.offer.kind !== "lora") path.carry(encodeBody({ kind: "goodbye" }));
    this.isStopped = true;
    this.callOffReview();
    for (const path of this.paths.all) path.stop();
    this.courier.stop(why);
  }

  private get nowMs(): number {
    return this.host.timers.monotonicMs();
  }

  private take(body: Body, from: PathTarget, path: Path | undefined): void {
    switch (body.kind) {
      case "proof":
        this.answer(body, from, path);
        break;
      case "answer":
        this.answered(body);
        break;
      case "control":
        this.takeControl(body, from, path);
        break;
      case "ack":
        path?.answered();
        this.lookAtChosen(path);
        this.courier.acknowledged(body.epoch, body.numbers);
        break;
      case "unserved":
        path?.answered();
        break;
      // Over one box, not over several: what came by a relay goes no further.
      case "forward":
        if (from.by !== "relay") this.host.forward(this, body);
        break;
      case "forwarded":
        if (from.by !== "relay") this.host.forwarded(this, body);
        break;
      case "goodbye":
        this.reviewAfter(() => {
          for (const one of this.paths.all) one.prover.die();
        });
        break;
      case "train": {
        const arrival = this.trains.take(body, this.nowMs);
        if (arrival) this.sendBack(encodeBody(arrival), from, path);
        break;
      }
      case "arrival":
        for (const one of this.paths.all) one.trains.arrived(body);
        break;
    }
  }

  private answer(
    { path: number, sequence }: Body & { kind: "proof" },
    from: PathTarget,
    path: Path | undefined,
  ): void {
    const observed = from.by === "udp" ? { observed: from.endpoint } : {};
    const body = encodeBody({ kind: "answer", path: number, sequence, heldMs: 0, ...observed });
    try {
      if (path) path.transmit(body);
      else this.transmit(from, body);
    } catch {
      return;
    }
    // It leads here: it may lead there too.
    if (path && !isProven(path)) path.prover.hint();
  }

  private answered({ path: number, sequence, heldMs, observed }: Body & { kind: "answer" }): void {
    const path = this.paths.numbered(number);
    if (!path?.prover.answered(sequence, heldMs)) return;
    const { target } = path.offer;
    if (!observed || target.by !== "udp") return;
    path.observed = observed;
    this.host.observed({ observer: target.endpoint, seen: observed, atMs: this.nowMs });
  }

  private takeControl(control: Body & { kind: "control" }, from: PathTarget, path: Path | undefined): void {
    const whole = this.inbox.take(control, this.nowMs);
    if (whole === "partial" || whole === "refused") return;
    // One acknowledgment for all its parts that come again.
    if (whole === "known" && control.part > 0) return;
    const isServed = whole === "known" || this.host.deliver(this.peer, control.channel, whole);
    if (isServed && whole !== "known") {
      this.inbox.taken(control.id);
      this.noteTraffic();
    }
    const { id } = control;
    const answer: Body = isServed
      ? { kind: "ack", epoch: id.epoch, numbers: [id.number] }
      : { kind: "unserved", id };
    this.sendBack(encodeBody(answer), from, path);
    this.lookAtChosen(path);
  }

  /** By the path that the message came by and, when that is not proven from here, by the chosen one. */
  private sendBack(body: Uint8Array, from: PathTarget, path: Path | undefined): void {
    try {
      if (path) path.transmit(body);
      else this.transmit(from, body);
    } catch {
      // The other path, or the next try, does.
    }
    if (path?.prover.state === "good") return;
    const { chosen, second, inDoubt } = this.ways();
    for (const other of [chosen, inDoubt ? second : undefined])
      if (other && other !== path) other.carry(body);
  }

  /** The peer sends by another path than we do: perhaps it knows that ours has failed. */
  private lookAtChosen(path: Path | undefined): void {
    const { chosen } = this;
    if (!chosen || chosen === path || this.nowMs - this.lookedAtChosenMs < OTHER_WAY_MS) return;
    this.lookedAtChosenMs = this.nowMs;
    chosen.prover.hint();
  }

  private learn(from: PathTarget, interfaceName: string | undefined): Path | undefined {
    const path = this.paths.learn(this.host.classify(from, interfaceName ?? zoneOf(from)));
    path?.start();
    return path;
  }

  private transmit(target: PathTarget, body: Uint8Array): number {
    const session = this.sessions.toSendWith(this.nowMs);
    if (!session) throw new Error(`${this.peer}: no keys`);
    const datagram = session.seal(body);
    this.host.sendDatagram(this, target, datagram);
    return datagram.length;
  }

  private ways(): Ways {
    const { chosen, second, inDoubt } = this.choice;
    const usable = this.paths.all.filter(
      ({ prover, offer }) => isUsable({ state: prover.state, kind: offer.kind }) && offer.kind !== "lora",
    );
    return { chosen: this.paths.get(chosen), second: this.paths.get(second), inDoubt, usable };
  }

  private intervalMs(path: Path): number {
    const { kind, metered } = path.offer;
    return proofIntervalMs({
      kind,
      metered,
      isChosen: path.id === this.choice.chosen,
      isBusy: this.watchers > 0 || this.nowMs - this.trafficMs < BUSY_MS,
      hasOther: this.hasOtherThan(path),
    });
  }

  private hasOtherThan(path: Path): boolean {
    return this.paths.all.some((other) => other !== path && isProven(other) && other.offer.kind !== "lora");
  }

  private noteTraffic(): void {
    const wasBusy = this.nowMs - this.trafficMs < BUSY_MS;
    this.trafficMs = this.nowMs;
    if (!wasBusy) this.hurry();
  }

  private hurry(): void {
    for (const path of this.paths.all) path.prover.hurry();
  }

  /** Several things at once, and one look at what they make. */
  private reviewAfter(change: () => void): void {
    this.isReviewing = true;
    change();
    this.isReviewing = false;
    this.review();
  }

  /** Chooses anew. What that leads to may ask for it again: then once more, not within. */
  private review(): void {
    this.needsReview = true;
    if (this.isReviewing || this.isStopped) return;
    this.isReviewing = true;
    while (this.needsReview && !this.isStopped) {
      this.needsReview = false;
      this.choose();
    }
    this.isReviewing = false;
  }

  private choose(): void {
    const { policy, dependsOn } = this.host;
    const before = this.choice;
    const views = this.paths.all.map((path) => path.view(this.nowMs, dependsOn(path)));
    this.choice = choosePath(views, policy, before.chosen);
    const { chosen, second, inDoubt } = this.choice;
    this.tellReachable();
    if (chosen !== before.chosen || (inDoubt && (!before.inDoubt || second !== before.second)))
      this.courier.waysChanged();
    if (chosen !== before.chosen) {
      this.hurry();
      if (this.chosen) this.host.pathChanged(this.peer, this.chosen.status(this.nowMs, true));
    }
    this.reviewLater();
  }

  private tellReachable(): void {
    const isReachable = this.paths.all.some(isProven);
    if (isReachable === this.isReachable) return;
    this.lostSinceMs = isReachable ? undefined : this.nowMs;
    this.host.reachable(this.peer, isReachable);
  }

  /** The next path that becomes stable may be better. */
  private reviewLater(): void {
    this.callOffReview();
    const times = this.paths.all.map((path) => path.stableAtMs() ?? 0).filter((atMs) => atMs > this.nowMs);
    if (times.length === 0) return;
    this.callOffReview = this.host.timers.after(Math.min(...times) - this.nowMs + 1, () => this.review());
  }
}

const isProven = ({ prover }: Path): boolean => prover.state === "good" || prover.state === "doubtful";
