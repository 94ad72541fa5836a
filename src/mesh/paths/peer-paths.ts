import { createHash } from "node:crypto";
import type { PeerId } from "../engine/engine-interface.ts";
import type { Observation } from "../nat/nat-interface.ts";
import { type Body, decodeBody, encodeBody, SHORT_ID_BYTES, type Urgency } from "./body.ts";
import type { ControlError } from "./control-error.ts";
import { Courier } from "./courier.ts";
import { Inbox } from "./inbox.ts";
import type { Path } from "./path.ts";
import type { PathStatus, PathTarget, SessionKeys } from "./paths-interface.ts";
import { isProven, PeerWays, type PeerWaysHost } from "./peer-ways.ts";
import { Sessions } from "./sessions.ts";
import { TrainReceiver } from "./train.ts";
import type { Turns } from "./turns.ts";

/** What one peer needs of what is there for all. */
export interface PeerHost
  extends Pick<PeerWaysHost, "timers" | "random" | "policy" | "maxDatagramBytes" | "dependsOn" | "classify"> {
  turns: Turns;
  /** @throws when it cannot leave */
  sendDatagram: (to: PeerPaths, target: PathTarget, datagram: Uint8Array) => void;
  /** Whether messages of a channel are the mesh's own upkeep, which a lost way may hold up for a while. */
  isUpkeep: (channel: string) => boolean;
  /** @returns false where nobody takes messages of this channel */
  deliver: (from: PeerId, channel: string, body: Uint8Array) => boolean;
  forward: (from: PeerPaths, body: Body & { kind: "forward" }) => void;
  forwarded: (by: PeerPaths, body: Body & { kind: "forwarded" }) => void;
  pathChanged: (peer: PeerId, status: PathStatus) => void;
  reachable: (peer: PeerId, isReachable: boolean) => void;
  observed: (observation: Observation) => void;
}

/** Unsigned, 32 bit. */
export const randomNumber = (random: () => number): number => Math.floor(random() * 2 ** 32);

/** First bytes of the SHA-256 of a peer id. */
export const shortIdOf = (peer: PeerId): Uint8Array =>
  new Uint8Array(createHash("sha256").update(peer).digest().subarray(0, SHORT_ID_BYTES));

/** One peer: its keys, its ways, and what goes to and comes from it over them. */
export class PeerPaths {
  readonly shortId: Uint8Array;
  readonly sessions = new Sessions();
  readonly courier: Courier;
  readonly ways: PeerWays;
  private readonly inbox = new Inbox();
  private readonly trains = new TrainReceiver();
  private isStopped = false;

  constructor(
    private readonly host: PeerHost,
    readonly peer: PeerId,
  ) {
    this.shortId = shortIdOf(peer);
    const { timers, random, policy, turns, maxDatagramBytes, dependsOn, classify } = host;
    // Numbers begin at 0 whenever a peer is met anew, be it after a restart or after it was forgotten: its inbox may still
    // know those of before.
    const epoch = randomNumber(random);
    this.courier = new Courier({ timers, turns, epoch, ways: () => this.ways.ways() });
    this.ways = new PeerWays({
      timers,
      random,
      policy,
      maxDatagramBytes,
      dependsOn,
      classify,
      transmit: (target, body) => this.transmit(target, body),
      waysChanged: () => this.courier.waysChanged(),
      pathChanged: (status) => host.pathChanged(peer, status),
      reachable: (isReachable) => host.reachable(peer, isReachable),
    });
  }

  /** @returns indexes that are no longer in use */
  addKeys(keys: SessionKeys, asked: boolean): number[] {
    const gone = this.sessions.add(keys, asked, this.nowMs);
    // The other side waits to see them used.
    if (asked) this.ways.prove();
    else this.ways.hint();
    return gone;
  }

  /** @param body as it was opened by one of the sessions */
  receive(from: PathTarget, body: Uint8Array, bytes: number, interfaceName: string | undefined): void {
    const decoded = decodeBody(body);
    if (!decoded || this.isStopped) return;
    const path = this.ways.by(from, interfaceName);
    path?.measure.received(bytes, this.nowMs);
    this.take(decoded, from, path);
  }

  submit(
    channel: string,
    body: Uint8Array,
    urgency: Urgency,
    timeoutMs: number,
    done: (error?: ControlError) => void,
  ): void {
    if (!this.host.isUpkeep(channel)) this.ways.noteTraffic();
    this.courier.submit(channel, body, urgency, timeoutMs, done);
  }

  /**
   * Sends something once, without waiting for anything.
   * @throws when no straight path leads there
   */
  carryOnce(body: Uint8Array): void {
    const sent = this.ways.straight().filter((path) => path.carry(body));
    if (sent.length === 0) throw new Error(`${this.peer}: no straight path`);
  }

  /** How large a body is that {@link carryOnce} takes. */
  maxBodyBytes(): number {
    return this.ways.straight()[0]?.maxBodyBytes() ?? 0;
  }

  stop(why: ControlError): void {
    for (const path of this.ways.all)
      if (isProven(path) && path.offer.kind !== "lora") path.carry(encodeBody({ kind: "goodbye" }));
    this.isStopped = true;
    this.ways.stop();
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
        this.ways.lookAtChosen(path);
        this.courier.acknowledged(body.epoch, body.numbers);
        break;
      case "unserved":
        path?.answered();
        this.courier.unserved(body.id);
        break;
      // Over one box, not over several: what came by a relay goes no further.
      case "forward":
        if (from.by !== "relay") this.host.forward(this, body);
        break;
      case "forwarded":
        if (from.by !== "relay") this.host.forwarded(this, body);
        break;
      case "goodbye":
        this.ways.die();
        break;
      case "train": {
        const arrival = this.trains.take(body, this.nowMs);
        if (arrival) this.sendBack(encodeBody(arrival), from, path);
        break;
      }
      case "arrival":
        for (const one of this.ways.all) one.trains.arrived(body);
        break;
    }
  }

  private answer(
    { path: number, sequence }: Body & { kind: "proof" },
    from: PathTarget,
    path: Path | undefined,
  ): void {
    const observed = from.by === "udp" ? { observed: from.endpoint } : {};
    const body = encodeBody({ kind: "answer", path: number, sequence, ...observed });
    try {
      if (path) path.transmit(body);
      else this.transmit(from, body);
    } catch {
      return;
    }
    // It leads here: it may lead there too.
    if (path && !isProven(path)) path.prover.hint();
    // What is no way for this box is one for the peer: perhaps it knows that ours has failed.
    if (!path) this.ways.lookAtChosen(undefined);
  }

  private answered({ path: number, sequence, observed }: Body & { kind: "answer" }): void {
    const path = this.ways.numbered(number);
    const sentMs = path?.prover.answered(sequence);
    if (!path || sentMs === undefined) return;
    path.proven(sentMs);
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
      if (!this.host.isUpkeep(control.channel)) this.ways.noteTraffic();
    }
    const { id } = control;
    const answer: Body = isServed
      ? { kind: "ack", epoch: id.epoch, numbers: [id.number] }
      : { kind: "unserved", id };
    this.sendBack(encodeBody(answer), from, path);
    this.ways.lookAtChosen(path);
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
    const { chosen, second, inDoubt } = this.ways.ways();
    for (const other of [chosen, inDoubt ? second : undefined])
      if (other && other !== path) other.carry(body);
  }

  private transmit(target: PathTarget, body: Uint8Array): number {
    const session = this.sessions.toSendWith(this.nowMs);
    if (!session) throw new Error(`${this.peer}: no keys`);
    const datagram = session.seal(body);
    this.host.sendDatagram(this, target, datagram);
    return datagram.length;
  }
}
