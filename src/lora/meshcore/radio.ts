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
import type { Answer } from "./answers.ts";
import { batteryPercent } from "./battery.ts";
import { channelOf, modulationOf, refusalOf } from "./channel.ts";
import { asRadioError, type Command, CommandQueue, type Outcome } from "./command-queue.ts";
import { sendSelfAdvert, setRadioParams, setTxPower } from "./commands.ts";
import { nodeIdOf } from "./contact-book.ts";
import { DatagramSender } from "./datagrams.ts";
import { decodeAnswer, fromRadioRules } from "./decode-answer.ts";
import { Departures } from "./departures.ts";
import { encodeFrame, Framer } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Knowledge } from "./knowledge.ts";
import { Mailbox } from "./mailbox.ts";
import { Outbox } from "./outbox.ts";
import * as requests from "./requests.ts";
import { MAX_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES, payloadAirtimeMs } from "./wire-sizes.ts";

/** Half a frame whose rest has not come for so long was none. A whole one takes 16 ms on the line. */
const FRAME_GAP_MS = 200;
const LOOK_EVERY_MS = 60_000;
/** Adverts come in bursts. */
const CONTACTS_AFTER_MS = 2_000;

/** A companion radio with MeshCore's firmware. */
export class MeshCoreRadio extends Radio {
  private state: "new" | "opening" | "open" | "closed" = "new";
  private lastTimestamp = 0;
  private callOffLook: () => void = () => {};
  private callOffContacts: (() => void) | undefined;
  private callOffGap: () => void = () => {};
  private failOpening: (error: RadioError) => void = () => {};
  private readonly known: Knowledge;
  private readonly inbox = new Inbox();
  private readonly mailbox: Mailbox;
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
    const { timers, random, log } = context;
    this.framer = new Framer({ rules: fromRadioRules, onFrame: (content) => this.onFrame(content) });
    this.queue = new CommandQueue({
      timers,
      write: (frame) => this.write(frame),
      resync: requests.askDevice,
      onSilent: (detail) => this.shut(detail, new RadioError("no-answer", detail)),
    });
    const run = <T>(command: Command<T>, done: (outcome: Outcome<T>) => void) =>
      this.queue.run(command, done);
    this.known = new Knowledge({
      timers,
      log,
      run,
      onRestarted: () => this.shut("the radio was started anew"),
    });
    this.mailbox = new Mailbox({ run, onMessage: (message) => this.onMessage(message) });
    this.departures = new Departures({ timers, ask: (done) => this.known.askQueueLength(done) });
    this.outbox = new Outbox({
      timers,
      run,
      departures: this.departures,
      datagrams: new DatagramSender(run, Math.floor(random() * 0x10000)),
      contactOf: (id) => this.known.contacts.get(id),
      timestamp: () => this.nextTimestamp(),
      airtimeMs: (bytes, isToOne) => {
        const { self } = this.known;
        return self ? payloadAirtimeMs(modulationOf(self), bytes, isToOne) : 0;
      },
    });
  }

  get capabilities(): RadioCapabilities {
    const { self } = this.known;
    return {
      maxPayloadBytes: MAX_PAYLOAD_BYTES,
      bitRate: self && bitRate(modulationOf(self)),
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
      const done = () => {
        // Most of what is asked for may fail, as it does once the port has closed.
        if (this.state !== "opening") return;
        this.state = "open";
        this.planLook();
        this.mailbox.empty();
        resolve();
      };
      this.known.learnAll(done, (error) => this.shut(error.message, error));
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
    const { self, device, airUse, milliVolts } = this.known;
    return {
      firmware: device ? `MeshCore ${device.firmware}` : "MeshCore",
      hardware: device?.model,
      self: self && nodeIdOf(self.publicKey),
      name: self?.name,
      channel: self ? channelOf(self) : {},
      airtimeShare: airUse.share,
      channelUse: airUse.channelUse,
      batteryPercent: milliVolts === undefined ? undefined : batteryPercent(milliVolts),
      position: self?.position,
      clock: this.known.clock,
    };
  }

  nodes(): readonly RadioNode[] {
    return this.known.contacts.nodes(this.known.nowSeconds());
  }

  /** The firmware has a preamble of its own: the one of `settings` is not looked at. Frequencies are of whole kHz. */
  async setChannel(settings: ChannelSettings): Promise<void> {
    const { self, device } = this.known;
    if (this.state !== "open" || !self) throw new RadioError("radio-gone", `the radio is ${this.state}`);
    const refusal = refusalOf(settings, self.maxPowerDbm);
    if (refusal !== undefined) throw new RadioError("refused", refusal);
    const params = setRadioParams(settings, device?.repeats);
    // All three are in the queue at once, so that nothing is sent between them.
    const done = [
      this.asked(requests.order("frequencyHz and modulation", params)),
      this.asked(requests.order("powerDbm", setTxPower(settings.powerDbm))),
      this.asked(requests.askSelf()).then((now) => {
        this.known.self = now;
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

  private planLook(): void {
    this.callOffLook = this.context.timers.after(LOOK_EVERY_MS, () =>
      this.known.look(() => {
        if (this.state !== "open") return;
        this.emit("changed");
        // In case noise on the line took the word that a message waits.
        this.mailbox.empty();
        this.planLook();
      }),
    );
  }

  private planContacts(): void {
    if (this.callOffContacts || this.state !== "open") return;
    this.callOffContacts = this.context.timers.after(CONTACTS_AFTER_MS, () => {
      this.callOffContacts = undefined;
      this.known.learnContacts(() => {
        if (this.state === "open") this.emit("changed");
      });
    });
  }

  private onMessage(answer: Answer): void {
    switch (answer.kind) {
      case "contact-message":
      case "channel-data":
      case "raw-data": {
        if (answer.kind === "contact-message")
          this.known.contacts.noteSnr(nodeIdOf(answer.from), answer.snrDb);
        const packet = this.inbox.packetOf(answer, this.status().self);
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
        if (this.state === "open") this.mailbox.empty();
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

  private nextTimestamp(): number {
    this.lastTimestamp = Math.max(this.lastTimestamp + 1, this.known.nowSeconds() ?? 0);
    return this.lastTimestamp;
  }
}
