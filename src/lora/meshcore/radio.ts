import { bitRate } from "../airtime/time-on-air.ts";
import type { DriverContext } from "../driver.ts";
import type { ChannelSettings } from "../modulation.ts";
import type { Port, PortClosed } from "../port.ts";
import {
  type Fate,
  type Outgoing,
  Radio,
  type RadioCapabilities,
  RadioError,
  type RadioNode,
  type RadioStatus,
} from "../radio.ts";
import { AirUse } from "./air-use.ts";
import { type Answer, type DeviceInfo, decodeAnswer, fromRadioRules, type SelfInfo } from "./answers.ts";
import { batteryPercent } from "./battery.ts";
import { channelOf, modulationOf, refusalOf } from "./channel.ts";
import { ERROR } from "./codes.ts";
import { type Command, CommandQueue, FirmwareError, type Outcome } from "./command-queue.ts";
import { sendSelfAdvert, setRadioParams, setTxPower } from "./commands.ts";
import { ContactBook, nodeIdOf } from "./contact-book.ts";
import { DatagramSender } from "./datagrams.ts";
import { Departures, type QueueLength } from "./departures.ts";
import { encodeFrame, Framer } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Outbox } from "./outbox.ts";
import * as requests from "./requests.ts";
import { MAX_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES, payloadAirtimeMs } from "./wire-sizes.ts";

/** Messages come with their SNR from here on. */
const MIN_PROTOCOL = 3;
const STATS_PROTOCOL = 8;
/** Half a frame whose rest has not come for so long was none. A whole one takes 16 ms on the line. */
const FRAME_GAP_MS = 200;
const LOOK_EVERY_MS = 60_000;
/** Adverts come in bursts. */
const CONTACTS_AFTER_MS = 2_000;

/** A companion radio with MeshCore's firmware. */
export class MeshCoreRadio extends Radio {
  private state: "new" | "opening" | "open" | "closed" = "new";
  private self: SelfInfo | undefined;
  private device: DeviceInfo | undefined;
  /** The radio's clock minus ours, in seconds. */
  private clockOffset: number | undefined;
  private lastTimestamp = 0;
  private milliVolts: number | undefined;
  private uptimeSeconds = 0;
  private syncing = false;
  private moreWaits = false;
  private callOffLook: () => void = () => {};
  private callOffContacts: (() => void) | undefined;
  private callOffGap: () => void = () => {};
  private failOpening: (error: RadioError) => void = () => {};
  private readonly book = new ContactBook();
  private readonly inbox = new Inbox();
  private readonly airUse = new AirUse();
  private readonly framer: Framer;
  private readonly queue: CommandQueue;
  private readonly departures: Departures;
  private readonly outbox: Outbox;
  private readonly onData = (bytes: Uint8Array) => this.receive(bytes);
  private readonly onClosed = ({ reason, detail }: PortClosed) => this.shut(`port ${reason}: ${detail}`);

  constructor(
    private readonly port: Port,
    private readonly context: DriverContext,
  ) {
    super();
    const { timers, random } = context;
    this.framer = new Framer({ rules: fromRadioRules, onFrame: (content) => this.onFrame(content) });
    this.queue = new CommandQueue({
      timers,
      write: (frame) => this.write(frame),
      resync: requests.askDevice,
      onSilent: (detail) => this.shut(detail, new RadioError("no-answer", detail)),
    });
    this.departures = new Departures({ timers, ask: (done) => this.askQueueLength(done) });
    const run = <T>(command: Command<T>, done: (outcome: Outcome<T>) => void) =>
      this.queue.run(command, done);
    this.outbox = new Outbox({
      timers,
      run,
      departures: this.departures,
      datagrams: new DatagramSender(run, Math.floor(random() * 0x10000)),
      contactOf: (id) => this.book.get(id),
      timestamp: () => this.nextTimestamp(),
      airtimeMs: (bytes, isToOne) =>
        this.self ? payloadAirtimeMs(modulationOf(this.self), bytes, isToOne) : 0,
    });
  }

  get capabilities(): RadioCapabilities {
    return {
      maxPayloadBytes: MAX_PAYLOAD_BYTES,
      bitRate: this.self && bitRate(modulationOf(this.self)),
      access: "managed",
      routes: true,
      acknowledges: true,
      listensBeforeTalk: true,
      overheadBytes: MAX_OVERHEAD_BYTES,
    };
  }

  open(): Promise<void> {
    if (this.state !== "new") {
      return Promise.reject(new RadioError("refused", `a radio that is ${this.state} cannot be opened`));
    }
    this.state = "opening";
    this.port.on("data", this.onData);
    this.port.on("closed", this.onClosed);
    return new Promise((resolve, reject) => {
      this.failOpening = reject;
      this.shakeHands(() => {
        this.state = "open";
        this.planLook();
        this.syncMessages();
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.shut("closed by the host");
    await this.port.close();
  }

  send(outgoing: Outgoing, told: (fate: Fate) => void): void {
    if (this.state === "new" || this.state === "opening") {
      const detail = "the radio is not open yet";
      this.context.timers.after(0, () => told({ state: "failed", reason: "radio-gone", detail }));
      return;
    }
    this.outbox.send(outgoing, told);
  }

  status(): RadioStatus {
    const { self, device } = this;
    return {
      firmware: device ? `MeshCore ${device.firmware}` : "MeshCore",
      hardware: device?.model,
      self: self && nodeIdOf(self.publicKey),
      name: self?.name,
      channel: self ? channelOf(self) : {},
      airtimeShare: this.airUse.share,
      channelUse: this.airUse.channelUse,
      batteryPercent: this.milliVolts === undefined ? undefined : batteryPercent(this.milliVolts),
      position: self?.position,
    };
  }

  nodes(): readonly RadioNode[] {
    return this.book.nodes(this.radioSeconds());
  }

  /** The firmware has a preamble of its own: the one of `settings` is not looked at. Frequencies are of whole kHz. */
  async setChannel(settings: ChannelSettings): Promise<void> {
    if (this.state !== "open" || !this.self) throw new RadioError("radio-gone", `the radio is ${this.state}`);
    const refusal = refusalOf(settings, this.self.maxPowerDbm);
    if (refusal !== undefined) throw new RadioError("refused", refusal);
    const params = setRadioParams(settings, this.device?.repeats);
    // All three are in the queue at once, so that nothing is sent between them.
    const done = [
      this.asked(requests.order("frequencyHz and modulation", params)),
      this.asked(requests.order("powerDbm", setTxPower(settings.powerDbm))),
      this.asked(requests.askSelf()).then((self) => {
        this.self = self;
      }),
    ];
    await Promise.all(done);
    this.emit("changed");
  }

  /** Tells others of this node, so that they can send to it: MeshCore does not do so by itself. */
  async advertise(reach: "neighbours" | "flood"): Promise<void> {
    await this.asked(requests.order("advertise", sendSelfAdvert(reach)));
  }

  private asked<T>(command: Command<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.queue.run(command, (outcome) => {
        if ("result" in outcome) resolve(outcome.result);
        else reject(asRadioError(outcome.error));
      });
    });
  }

  private shakeHands(done: () => void): void {
    const giveUp = (error: RadioError) => this.shut(error.message, error);
    const need = <T>(command: Command<T>, tries: number, next: (result: T) => void) =>
      this.queue.run(command, (outcome) => {
        if ("result" in outcome) next(outcome.result);
        else if (tries > 1) need(command, tries - 1, next);
        else giveUp(asRadioError(outcome.error));
      });
    const getStarted = () =>
      need(requests.askSelf(), 1, (self) => {
        this.self = self;
        this.askTime(() => this.askContacts(() => this.look(done)));
      });
    // The first question may be lost in what the radio says while it starts.
    need(requests.askDevice(), 2, (device) => {
      this.device = device;
      const version = device.protocolVersion;
      if (version >= MIN_PROTOCOL) getStarted();
      else
        giveUp(new RadioError("unsupported", `MeshCore's protocol ${version} is older than ${MIN_PROTOCOL}`));
    });
  }

  private askTime(next: () => void): void {
    this.queue.run(requests.askTime(), (outcome) => {
      if ("result" in outcome) this.clockOffset = outcome.result - this.ownSeconds();
      next();
    });
  }

  private askContacts(next: () => void): void {
    this.queue.run(requests.askContacts(this.book.modifiedSeconds), (outcome) => {
      if ("error" in outcome) this.context.log.warn(`${this.port.name}: ${outcome.error.message}`);
      else for (const contact of outcome.result) this.book.put(contact);
      next();
    });
  }

  /** At what changes with time. */
  private look(next: () => void): void {
    this.queue.run(requests.askBattery(), (outcome) => {
      if ("result" in outcome) this.milliVolts = outcome.result;
      this.askRadioStats(() => this.askQueueLength(next));
    });
  }

  private askRadioStats(next: () => void): void {
    if (!this.hasStats) {
      next();
      return;
    }
    this.queue.run(requests.askRadioStats(), (outcome) => {
      if ("result" in outcome) this.airUse.note({ atMs: this.nowMs(), ...outcome.result });
      next();
    });
  }

  private askQueueLength(done: (queued: QueueLength) => void): void {
    if (!this.hasStats) {
      done("unsupported");
      return;
    }
    this.queue.run(requests.askCoreStats(), (outcome) => {
      if ("result" in outcome) {
        const { uptimeSeconds, queued } = outcome.result;
        if (uptimeSeconds < this.uptimeSeconds) this.shut("the radio was started anew");
        this.uptimeSeconds = uptimeSeconds;
        done(queued);
      } else {
        const { error } = outcome;
        done(error instanceof FirmwareError && error.code === ERROR.unsupported ? "unsupported" : "unknown");
      }
    });
  }

  private get hasStats(): boolean {
    return (this.device?.protocolVersion ?? 0) >= STATS_PROTOCOL;
  }

  private planLook(): void {
    this.callOffLook = this.context.timers.after(LOOK_EVERY_MS, () =>
      this.look(() => {
        if (this.state !== "open") return;
        this.emit("changed");
        this.planLook();
      }),
    );
  }

  private planContacts(): void {
    if (this.callOffContacts || this.state !== "open") return;
    this.callOffContacts = this.context.timers.after(CONTACTS_AFTER_MS, () => {
      this.callOffContacts = undefined;
      this.askContacts(() => {
        if (this.state === "open") this.emit("changed");
      });
    });
  }

  /** Takes one message after another out of the radio until it has no more. */
  private syncMessages(): void {
    this.moreWaits = true;
    if (this.syncing || this.state !== "open") return;
    this.syncing = true;
    this.moreWaits = false;
    this.queue.run(requests.askMessage(), (outcome) => {
      this.syncing = false;
      if (this.state !== "open") return;
      const isMore = "result" in outcome && outcome.result.kind !== "no-more-messages";
      if (isMore || this.moreWaits) this.syncMessages();
      if ("result" in outcome) this.onMessage(outcome.result);
    });
  }

  private onMessage(answer: Answer): void {
    switch (answer.kind) {
      case "contact-message":
      case "channel-data":
      case "raw-data": {
        if (answer.kind === "contact-message") this.book.noteSnr(nodeIdOf(answer.from), answer.snrDb);
        const packet = this.inbox.packetOf(answer, this.self && nodeIdOf(this.self.publicKey));
        if (packet) this.emit("received", packet);
        else this.context.log.debug(`${this.port.name}: ${answer.kind} that is no box's, or came before`);
        break;
      }
      case "channel-message":
        this.context.log.debug(`${this.port.name}: a person's text on channel ${answer.channel}`);
        break;
    }
  }

  private receive(bytes: Uint8Array): void {
    this.callOffGap();
    this.framer.push(bytes);
    this.planGap();
  }

  private planGap(): void {
    if (!this.framer.isWaiting || this.state === "closed") return;
    this.callOffGap = this.context.timers.after(FRAME_GAP_MS, () => {
      this.framer.giveUp();
      this.planGap();
    });
  }

  private onFrame(content: Uint8Array): void {
    const answer = decodeAnswer(content);
    if (!answer || this.state === "closed") return;
    if ((content[0] ?? 0) >= 0x80) this.onPush(answer);
    else this.queue.answer(answer);
  }

  private onPush(answer: Answer): void {
    switch (answer.kind) {
      case "message-waiting":
        this.syncMessages();
        break;
      case "send-confirmed":
        this.outbox.confirm(answer.ack);
        break;
      case "raw-data":
        this.onMessage(answer);
        break;
      case "heard":
        this.inbox.noteHeard(answer);
        break;
      case "advert":
      case "new-advert":
      case "path-updated":
        this.planContacts();
        break;
    }
  }

  private write(frame: Uint8Array): void {
    this.port.write(encodeFrame(frame)).catch((error: unknown) => {
      this.shut(error instanceof Error ? error.message : String(error));
    });
  }

  private shut(detail: string, openingError = new RadioError("radio-gone", detail)): void {
    if (this.state === "closed") return;
    const was = this.state;
    this.state = "closed";
    this.callOffLook();
    this.callOffContacts?.();
    this.callOffGap();
    this.port.off("data", this.onData);
    this.port.off("closed", this.onClosed);
    this.departures.stop();
    this.outbox.close(detail);
    this.failOpening(openingError);
    this.queue.close(new RadioError("radio-gone", detail));
    this.port
      .close()
      .catch((error: unknown) => this.context.log.debug({ error }, `${this.port.name}: close`));
    if (was === "open") this.emit("closed", detail);
  }

  private nowMs(): number {
    return this.context.timers.monotonicMs();
  }

  private ownSeconds(): number {
    return Math.floor(this.nowMs() / 1_000);
  }

  private radioSeconds(): number | undefined {
    return this.clockOffset === undefined ? undefined : this.ownSeconds() + this.clockOffset;
  }

  private nextTimestamp(): number {
    this.lastTimestamp = Math.max(this.lastTimestamp + 1, this.radioSeconds() ?? 0);
    return this.lastTimestamp;
  }
}

const asRadioError = (error: Error): RadioError =>
  error instanceof RadioError ? error : new RadioError("refused", error.message);
