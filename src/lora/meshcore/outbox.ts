import type { Timers } from "../../host/timers.ts";
import { rankOf } from "../priority.ts";
import type { FailureReason, Fate, NodeId, Outgoing } from "../radio.ts";
import type { Answer, Contact } from "./answers.ts";
import { ERROR } from "./codes.ts";
import { type Command, FirmwareError, type Outcome } from "./command-queue.ts";
import { resetPath, sendTextMessage } from "./commands.ts";
import type { DatagramSender } from "./datagrams.ts";
import type { Departures } from "./departures.ts";
import { MAX_PAYLOAD_BYTES } from "./wire-sizes.ts";
import { zeroFree } from "./zero-free.ts";

export interface OutboxOptions {
  timers: Timers;
  run: <T>(command: Command<T>, done: (outcome: Outcome<T>) => void) => void;
  departures: Departures;
  datagrams: DatagramSender;
  contactOf: (id: NodeId) => Contact | undefined;
  /** Seconds since 1970, another one at each call. */
  timestamp: () => number;
  airtimeMs: (payloadBytes: number, isToOne: boolean) => number;
}

interface Parcel {
  outgoing: Outgoing;
  told: (fate: Fate) => void;
  attempt: number;
  /** The same for all attempts, by which the recipient knows them for one message. */
  timestamp: number;
  acks: number[];
  isOnAirTold: boolean;
  /** How often the radio had no room for it. */
  fullCount: number;
  callOff: () => void;
}

/** Packets that wait here for the firmware; more are refused. */
const MAX_WAITING = 16;
/** The firmware has 16 packets for everything it sends and receives, and remembers 8 acknowledgements to come. */
const MAX_UNDER_WAY = 4;
/** As MeshCore's own apps try; the last one is flooded when the path may be gone. */
const ATTEMPTS = 3;
const FULL_RETRY_MS = 500;
const MAX_FULL_RETRIES = 40;

/**
 * What this radio is to send. To one node: a message, which its firmware acknowledges and which this driver repeats, as
 * the firmware leaves that to the app. To everyone: a datagram on the radio's first channel.
 */
export class Outbox {
  private waiting: Parcel[] = [];
  private readonly underWay = new Set<Parcel>();
  private readonly byAck = new Map<number, Parcel>();
  private closedFor: string | undefined;

  constructor(private readonly options: OutboxOptions) {}

  send(outgoing: Outgoing, told: (fate: Fate) => void): void {
    const failure = this.failureOf(outgoing);
    if (failure) {
      this.options.timers.after(0, () => told(failure));
      return;
    }
    const parcel: Parcel = {
      outgoing: { ...outgoing, payload: outgoing.payload.slice() },
      told,
      attempt: 0,
      timestamp: 0,
      acks: [],
      isOnAirTold: false,
      fullCount: 0,
      callOff: () => {},
    };
    this.waiting.push(parcel);
    this.options.timers.after(0, () => {
      if (this.closedFor !== undefined) return;
      told({ state: "queued" });
      this.pump();
    });
  }

  /** The recipient has got a message. */
  confirm(ack: number): void {
    const parcel = this.byAck.get(ack);
    if (parcel) this.finish(parcel, { state: "acknowledged" });
  }

  close(detail: string): void {
    if (this.closedFor !== undefined) return;
    this.closedFor = detail;
    const failed = [...this.underWay, ...this.waiting];
    this.waiting = [];
    for (const parcel of failed) {
      parcel.callOff();
      this.options.timers.after(0, () => parcel.told({ state: "failed", reason: "radio-gone", detail }));
    }
    this.underWay.clear();
    this.byAck.clear();
  }

  private failureOf({ payload, to }: Outgoing): Fate | undefined {
    const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });
    if (this.closedFor !== undefined) return failed("radio-gone", this.closedFor);
    if (payload.length === 0) return failed("refused", "payload: it is empty");
    if (payload.length > MAX_PAYLOAD_BYTES) {
      return failed("too-large", `payload: ${payload.length} bytes, more than ${MAX_PAYLOAD_BYTES}`);
    }
    if (to !== undefined && !this.options.contactOf(to)) {
      return failed("refused", `to: ${to} is not among the radio's contacts`);
    }
    if (this.waiting.length >= MAX_WAITING)
      return failed("queue-full", `${MAX_WAITING} packets wait already`);
    return undefined;
  }

  private pump(): void {
    for (let parcel = this.takeNext(); parcel; parcel = this.takeNext()) {
      this.underWay.add(parcel);
      this.start(parcel);
    }
  }

  /** The most urgent that may go; one message at a time to each node, so that they arrive in order. */
  private takeNext(): Parcel | undefined {
    if (this.underWay.size >= MAX_UNDER_WAY) return undefined;
    const busy = new Set([...this.underWay].map(({ outgoing }) => outgoing.to?.toLowerCase()));
    let next: Parcel | undefined;
    for (const parcel of this.waiting) {
      const to = parcel.outgoing.to?.toLowerCase();
      if (to !== undefined && busy.has(to)) continue;
      if (!next || rankOf(parcel.outgoing.priority) < rankOf(next.outgoing.priority)) next = parcel;
    }
    this.waiting = this.waiting.filter((parcel) => parcel !== next);
    return next;
  }

  private start(parcel: Parcel): void {
    if (parcel.outgoing.to === undefined) this.startDatagram(parcel);
    else this.startMessage(parcel, parcel.outgoing.to);
  }

  private startDatagram(parcel: Parcel): void {
    this.options.datagrams.send(parcel.outgoing.payload, (outcome) => {
      if (!this.underWay.has(parcel)) return;
      if ("error" in outcome) this.refused(parcel, outcome.error);
      else this.departed(parcel, () => this.finish(parcel, undefined));
    });
  }

  private startMessage(parcel: Parcel, to: NodeId): void {
    const contact = this.options.contactOf(to);
    if (!contact) {
      this.fail(parcel, "refused", `to: ${to} is not among the radio's contacts any more`);
      return;
    }
    if (parcel.attempt === 0) parcel.timestamp = this.options.timestamp();
    const { attempt, timestamp, outgoing } = parcel;
    const frame = sendTextMessage({
      to: contact.publicKey,
      attempt,
      timestamp,
      text: zeroFree(outgoing.payload),
    });
    const take = (answer: Answer) => (answer.kind === "sent" ? { result: answer } : undefined);
    this.options.run({ name: "send a message", frame, take }, (outcome) => {
      if (!this.underWay.has(parcel)) return;
      if ("error" in outcome) {
        this.refused(parcel, outcome.error);
        return;
      }
      const { expectedAck, timeoutMs } = outcome.result;
      parcel.acks.push(expectedAck);
      this.byAck.set(expectedAck, parcel);
      // The firmware's estimate begins when the packet leaves, not when it is queued.
      this.departed(parcel, () => {
        parcel.callOff = this.options.timers.after(timeoutMs, () => this.again(parcel, contact));
      });
    });
  }

  private departed(parcel: Parcel, then: () => void): void {
    const { payload, to } = parcel.outgoing;
    const airtimeMs = this.options.airtimeMs(payload.length, to !== undefined);
    parcel.callOff = this.options.departures.expect(airtimeMs, (how) => {
      if (how === "held") {
        this.fail(parcel, "airtime", "the radio still held it back after a minute");
        return;
      }
      if (!parcel.isOnAirTold) {
        parcel.isOnAirTold = true;
        parcel.told({ state: "on-air" });
      }
      if (this.underWay.has(parcel)) then();
    });
  }

  /** No acknowledgement has come. */
  private again(parcel: Parcel, contact: Contact): void {
    parcel.attempt++;
    if (parcel.attempt >= ATTEMPTS) {
      this.fail(parcel, "no-acknowledgement", `no acknowledgement after ${ATTEMPTS} attempts`);
      return;
    }
    if (parcel.attempt < ATTEMPTS - 1) {
      this.start(parcel);
      return;
    }
    const take = (answer: Answer) => (answer.kind === "ok" ? { result: true } : undefined);
    const frame = resetPath(contact.publicKey);
    this.options.run({ name: "forget a path", frame, take }, () => {
      if (this.underWay.has(parcel)) this.start(parcel);
    });
  }

  private refused(parcel: Parcel, error: Error): void {
    if (!(error instanceof FirmwareError)) {
      this.fail(parcel, "radio-gone", error.message);
    } else if (error.code !== ERROR.tableFull) {
      this.fail(parcel, "refused", error.message);
    } else if (parcel.fullCount++ < MAX_FULL_RETRIES) {
      parcel.callOff = this.options.timers.after(FULL_RETRY_MS, () => this.start(parcel));
    } else {
      this.fail(parcel, "queue-full", "the radio had no room for it all the time");
    }
  }

  private fail(parcel: Parcel, reason: FailureReason, detail: string): void {
    this.finish(parcel, { state: "failed", reason, detail });
  }

  /** @param fate undefined: all has been told */
  private finish(parcel: Parcel, fate: Fate | undefined): void {
    if (!this.underWay.delete(parcel)) return;
    parcel.callOff();
    for (const ack of parcel.acks) this.byAck.delete(ack);
    if (fate) parcel.told(fate);
    this.pump();
  }
}
