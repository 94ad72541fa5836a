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
import { ChannelChange, isSameChannel } from "./channel-change.ts";
import { configFor } from "./channel-settings.ts";
import { Facts } from "./facts.ts";
import { Framer } from "./framer.ts";
import { fromRadioRules } from "./from-radio-rules.ts";
import { Inbox } from "./inbox.ts";
import { NodeBook } from "./node-book.ts";
import { numberOf } from "./node-id.ts";
import { Outbox } from "./outbox.ts";
import { failureOf } from "./outgoing-checks.ts";
import { OwnClock } from "./own-clock.ts";
import { PacketIds } from "./packet-ids.ts";
import type { FromRadio, LoraConfig, Region } from "./proto/meshtastic_pb.ts";
import { Session } from "./session.ts";
import { type AdminRequest, admin, disconnect, heartbeat, sendPacket } from "./to-radio.ts";
import {
  KEY_BYTES,
  MAX_PAYLOAD_BYTES,
  OVERHEAD_BYTES,
  overheadBytesOf,
  packetAirtimeMs,
} from "./wire-sizes.ts";

/** Half a frame whose rest has not come for so long is looked into. A whole one takes 45 ms on the line. */
const FRAME_GAP_MS = 200;
const RESTARTED = "the firmware was started anew";
/** A board that does so more often while it is opened does nothing else. */
const MAX_STARTS = 5;

export interface MeshtasticRadioOptions {
  /** What a radio that has no region yet is set to with its first channel. */
  region: Region;
}

/** A case with Meshtastic's firmware, on a serial line or TCP. */
export class MeshtasticRadio extends Radio {
  private state: "new" | "opening" | "open" | "closed" = "new";
  private readonly book: NodeBook;
  private readonly facts: Facts;
  private readonly framer: Framer<FromRadio>;
  private readonly outbox: Outbox;
  private readonly inbox: Inbox;
  private readonly session: Session;
  private readonly ids: PacketIds;
  private change: ChannelChange | undefined;
  private changes: Promise<void> = Promise.resolve();
  private settleOpening: { resolve: () => void; reject: (error: RadioError) => void } | undefined;
  private starts = 0;
  private callOffGap: () => void = () => {};
  private readonly onData = (bytes: Uint8Array) => this.receive(bytes);
  private readonly onClosed = ({ reason, detail }: PortClosed) => this.shut(`port ${reason}: ${detail}`);

  constructor(
    private readonly port: Port,
    private readonly context: DriverContext,
    private readonly options: MeshtasticRadioOptions,
  ) {
    super();
    const { timers, random } = context;
    this.book = new NodeBook(() => timers.monotonicMs());
    const clock = new OwnClock(() => timers.monotonicMs());
    this.facts = new Facts(this.book, clock);
    this.ids = new PacketIds(random);
    this.framer = new Framer({ rules: fromRadioRules, onMessage: (message) => this.onMessage(message) });
    this.outbox = new Outbox({
      timers,
      ids: this.ids,
      send: (packet) => this.write(sendPacket(packet)),
      askQueue: () => this.write(heartbeat()),
      airtimeMs: (bytes, isToOne) => this.airtimeMs(bytes, isToOne),
      silent: () => this.doubt("the firmware did not say whether it takes a packet"),
    });
    this.inbox = new Inbox({
      book: this.book,
      facts: this.facts,
      clock,
      received: (packet) => this.emit("received", packet),
      routing: (id, error, by) => this.outbox.takeRouting(id, error, by),
      changed: () => this.changed(),
    });
    this.session = new Session({
      timers,
      random,
      write: (bytes) => this.write(bytes),
      rebootCount: () => this.facts.rebootCount,
      noiseBytes: () => this.framer.noiseBytes,
      shaking: () => this.outbox.pause(),
      begun: (isRestarted) => this.begin(isRestarted),
      suspect: () => this.outbox.suspect(),
      doubt: () => this.change?.restarted(),
      ended: (reason, wasAsked) =>
        this.shut(reason, wasAsked ? new RadioError("no-answer", reason) : undefined),
    });
  }

  get capabilities(): RadioCapabilities {
    const { modulation, version } = this.facts;
    return {
      maxPayloadBytes: MAX_PAYLOAD_BYTES,
      bitRate: modulation && bitRate(modulation),
      access: "managed",
      routes: true,
      acknowledges: true,
      listensBeforeTalk: true,
      overheadBytes: overheadBytesOf(version),
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
      this.settleOpening = { resolve, reject };
      this.session.open();
    });
  }

  async close(): Promise<void> {
    if (this.state === "open") this.write(disconnect());
    this.shut("closed by the host");
    await this.port.close();
  }

  send({ payload, priority, to }: Outgoing, told: (fate: Fate) => void): void {
    const hasKey = (number: number) => this.book.get(number)?.hasKey === true;
    const failure = this.notOpen() ?? failureOf(payload, to, this.facts.self, hasKey);
    if (failure) this.context.timers.after(0, () => told(failure));
    else this.outbox.add(payload, to === undefined ? undefined : numberOf(to), priority, told);
  }

  /** Its owner has told the firmware not to send (`tx_enabled`): it refuses every packet. */
  get sendingIsOff(): boolean {
    return this.facts.lora?.txEnabled === false;
  }

  status(): RadioStatus {
    return this.facts.status();
  }

  nodes(): readonly RadioNode[] {
    return this.book.nodesBeside(this.facts.self);
  }

  /**
   * The firmware starts anew for it, which takes some 10 s; a radio whose USB goes away with that closes, and has the
   * channel when it is there again. The preamble is the firmware's own: the one of `settings` is not looked at.
   */
  setChannel(settings: ChannelSettings): Promise<void> {
    const change = this.changes.then(() => this.changeTo(settings));
    this.changes = change.catch(() => {});
    return change;
  }

  private async changeTo(settings: ChannelSettings): Promise<void> {
    const { lora, channelName } = this.facts;
    if (this.state !== "open" || !lora) throw new RadioError("radio-gone", `the radio is ${this.state}`);
    const config = configFor(settings, lora, channelName, this.options.region);
    if (!isSameChannel(config, lora)) await this.configure(config);
  }

  private configure(config: LoraConfig): Promise<void> {
    return new Promise((resolve, reject) => {
      this.change = new ChannelChange({
        timers: this.context.timers,
        config,
        request: (request) => this.request(request),
        quiet: (done) => {
          this.outbox.pause();
          this.outbox.onceIdle(done);
        },
        shakeHands: () => this.session.renew("short"),
        done: (error) => {
          this.change = undefined;
          if (this.state === "open" && !this.session.isShakingHands) this.outbox.resume();
          if (error) reject(error);
          else resolve();
        },
      });
      this.change.start();
    });
  }

  private request(request: AdminRequest): number {
    const id = this.ids.next();
    this.write(admin(id, this.facts.self ?? 0, request));
    return id;
  }

  private notOpen(): Fate | undefined {
    if (this.state === "open") return undefined;
    const detail = `the radio is ${this.state === "closed" ? "closed" : "not open yet"}`;
    return { state: "failed", reason: "radio-gone", detail };
  }

  private airtimeMs(payloadBytes: number, isToOne: boolean): number {
    const { modulation, version } = this.facts;
    const overhead = isToOne ? OVERHEAD_BYTES + KEY_BYTES : overheadBytesOf(version);
    return packetAirtimeMs(modulation, payloadBytes, overhead);
  }

  private begin(isRestarted: boolean): void {
    if (this.state === "opening") {
      this.state = "open";
      this.settleOpening?.resolve();
      this.settleOpening = undefined;
    } else if (isRestarted) this.outbox.reset(RESTARTED);
    this.changed();
    if (this.change) this.change.verify(this.facts.lora);
    else this.outbox.resume();
  }

  private receive(bytes: Uint8Array): void {
    this.callOffGap();
    this.framer.push(bytes);
    if (this.state === "closed") return;
    if (this.state === "open") this.session.noted();
    if (this.framer.isWaiting) {
      this.callOffGap = this.context.timers.after(FRAME_GAP_MS, () => this.framer.settle());
    }
  }

  private onMessage(message: FromRadio): void {
    if (this.state === "closed") return;
    const { content } = message;
    const { log } = this.context;
    this.session.heard(message);
    if (this.facts.take(message)) {
      // Beside a handshake it tells what has changed.
      if (!this.session.isShakingHands) this.changed();
    } else {
      switch (content.case) {
        case "packet":
          if (this.state === "open") this.inbox.take(content.value);
          break;
        case "queueStatus":
          if (!this.change?.takeStatus(content.value)) this.outbox.takeStatus(content.value);
          break;
        case "rebooted":
          this.restarted();
          return;
        case "logRecord":
          log.debug(`${this.port.name}: ${content.value.source}: ${content.value.message}`);
          break;
        case "notification":
          log.warn(`${this.port.name}: ${content.value.message}`);
          break;
      }
    }
    this.session.take(message);
  }

  /** The firmware has begun anew: it has forgotten what it had of ours, and that we listen. */
  private restarted(): void {
    if (this.state !== "open") {
      // Opening the line has done that: what was asked for before is lost.
      this.starts += 1;
      if (this.starts < MAX_STARTS) this.session.open();
      else this.shut("the firmware starts again and again");
      return;
    }
    this.context.log.info(`${this.port.name}: ${RESTARTED}`);
    this.outbox.reset(RESTARTED);
    this.change?.restarted();
    if (!this.session.isShakingHands) this.session.renew("full");
  }

  private doubt(why: string): void {
    if (this.state !== "open" || this.session.isShakingHands) return;
    this.context.log.warn(`${this.port.name}: ${why}`);
    this.outbox.reset(why);
    this.session.renew("short");
  }

  private changed(): void {
    if (this.state === "open") this.emit("changed");
  }

  private write(bytes: Uint8Array): void {
    this.port.write(bytes).catch((error: unknown) => {
      this.shut(error instanceof Error ? error.message : String(error));
    });
  }

  private shut(reason: string, openingError = new RadioError("radio-gone", reason)): void {
    if (this.state === "closed") return;
    const was = this.state;
    this.state = "closed";
    this.callOffGap();
    this.session.stop();
    this.port.off("data", this.onData);
    this.port.off("closed", this.onClosed);
    this.change?.fail(openingError);
    this.outbox.close(reason);
    this.settleOpening?.reject(openingError);
    this.port
      .close()
      .catch((error: unknown) => this.context.log.debug({ error }, `${this.port.name}: close`));
    if (was === "open") this.emit("closed", reason);
  }
}
