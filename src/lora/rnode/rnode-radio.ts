import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { bitRate } from "../airtime/time-on-air.ts";
import type { ChannelSettings } from "../modulation.ts";
import type { Port } from "../port.ts";
import type { Priority } from "../priority.ts";
import {
  type FailureReason,
  type Fate,
  type Outgoing,
  Radio,
  type RadioCapabilities,
  RadioError,
  type RadioNode,
  type RadioStatus,
} from "../radio.ts";
import { HEADER_BYTES, packetAirtimeMs } from "./airtime.ts";
import { ASK, COMMAND, ERROR, MTU, RESET_BYTE, SINGLE_FRAME_PAYLOAD } from "./commands.ts";
import { Exchange } from "./exchange.ts";
import { type RnodeIdentity, shakeHands, tune } from "./handshake.ts";
import { KissDecoder, type KissFrame, kissFrame } from "./kiss.ts";
import { Readings } from "./readings.ts";
import { SendQueue } from "./send-queue.ts";
import { settingsOf } from "./settings.ts";
import { TransmitWatch } from "./transmit-watch.ts";
import { WorkWatch } from "./work-watch.ts";

/** Packets that wait behind the one that the firmware holds; more are refused. */
const QUEUE_LENGTH = 64;

export interface RnodeRadioOptions {
  port: Port;
  timers: Timers;
  log: Logger;
  channel: ChannelSettings;
}

interface Packet {
  payload: Uint8Array;
  priority: Priority;
  tell: (fate: Fate) => void;
}

/**
 * A case with RNode firmware. The firmware gets one packet at a time, so that a more urgent one overtakes all others;
 * it listens before it talks by itself, and repeats nothing.
 */
export class RnodeRadio extends Radio {
  private readonly exchange: Exchange;
  private readonly watch: TransmitWatch;
  private readonly readings = new Readings();
  private readonly queue = new SendQueue<Packet>();
  private state: "new" | "opening" | "open" | "closed" = "new";
  private identity: RnodeIdentity | undefined;
  private settings: ChannelSettings;
  private held: Packet | undefined;
  /** Settings are being changed: nothing goes to the firmware. */
  private isTuning = false;
  private changes: Promise<void> = Promise.resolve();
  private whenIdle: (() => void) | undefined;
  private readonly work: WorkWatch;

  constructor(private readonly options: RnodeRadioOptions) {
    super();
    const { timers, log, port, channel } = options;
    this.settings = channel;
    this.exchange = new Exchange(timers, (bytes) => this.write(bytes));
    this.watch = new TransmitWatch({
      timers,
      readings: this.readings,
      poll: () => this.command(COMMAND.READY, 0),
      sent: (evidence) => {
        if (evidence === "time") log.debug(`${port.name}: taken for sent by the time that has passed`);
        this.release({ state: "on-air" });
      },
    });
    this.work = new WorkWatch({
      timers,
      deafMs: () => 2 * packetAirtimeMs(this.channel.modulation, SINGLE_FRAME_PAYLOAD),
      ask: () => this.command(COMMAND.RADIO_STATE, ASK),
      gone: (reason) => this.giveUp(reason),
    });
  }

  /** The firmware would take {@link MTU} bytes, in two frames: a loss on either loses both, and the header counts twice. */
  get capabilities(): RadioCapabilities {
    return {
      maxPayloadBytes: SINGLE_FRAME_PAYLOAD,
      bitRate: bitRate(this.settings.modulation),
      access: "raw",
      routes: false,
      acknowledges: false,
      listensBeforeTalk: true,
      overheadBytes: HEADER_BYTES,
    };
  }

  /** @throws {RadioError} `no-answer`, `unsupported` (firmware before 1.52), `refused` (a setting that it cannot do) */
  async open(): Promise<void> {
    if (this.state !== "new")
      throw new RadioError("refused", `a radio that is ${this.state} cannot be opened`);
    this.state = "opening";
    const { port } = this.options;
    const decoder = new KissDecoder(MTU, (frame) => this.take(frame));
    port.on("data", (bytes) => decoder.push(bytes));
    port.on("closed", ({ detail }) => this.closeFor(detail));
    try {
      this.identity = await shakeHands(this.exchange);
      await tune(this.exchange, this.settings);
      this.checkIsNotClosed();
    } catch (error) {
      this.closeFor("it could not be opened");
      await port.close();
      throw error;
    }
    this.state = "open";
    this.work.start();
  }

  async close(): Promise<void> {
    if (this.state === "open") {
      this.command(COMMAND.RADIO_STATE, 0);
      this.command(COMMAND.LEAVE, 0xff);
    }
    this.closeFor("closed by the host");
    await this.options.port.close();
  }

  /** Nobody is addressed: `to` is not looked at. */
  send({ payload, priority }: Outgoing, told: (fate: Fate) => void): void {
    const tell = (fate: Fate) => void this.options.timers.after(0, () => told(fate));
    const failure = this.failureOf(payload);
    tell(failure ?? { state: "queued" });
    if (failure) return;
    this.queue.push({ payload: payload.slice(), priority, tell });
    this.sendNext();
  }

  status(): RadioStatus {
    const { channelTime, batteryPercent } = this.readings;
    return {
      firmware: this.identity === undefined ? "RNode" : `RNode ${this.identity.version}`,
      hardware: this.identity?.hardware,
      self: undefined,
      name: undefined,
      channel: this.channel,
      airtimeShare: channelTime?.ownLong,
      channelUse: channelTime?.useShort,
      batteryPercent,
      position: undefined,
    };
  }

  nodes(): readonly RadioNode[] {
    return [];
  }

  /** What the firmware holds goes out first; then the radio is off for a moment. */
  setChannel(settings: ChannelSettings): Promise<void> {
    const change = this.changes.then(() => this.change(settings));
    this.changes = change.catch(() => {});
    return change;
  }

  /** As it is set, with the preamble that the firmware has chosen. */
  private get channel(): ChannelSettings {
    const { settings } = this;
    const preambleSymbols = this.readings.phyTiming?.preambleSymbols ?? settings.modulation.preambleSymbols;
    return { ...settings, modulation: { ...settings.modulation, preambleSymbols } };
  }

  private failureOf({ length }: Uint8Array): Fate | undefined {
    const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });
    if (this.state !== "open") return failed("radio-gone", `the radio is ${this.state}`);
    if (length === 0) return failed("refused", "payload: it is empty");
    if (length > SINGLE_FRAME_PAYLOAD)
      return failed("too-large", `payload: ${length} bytes, more than ${SINGLE_FRAME_PAYLOAD}`);
    if (this.queue.length >= QUEUE_LENGTH)
      return failed("queue-full", `${QUEUE_LENGTH} packets wait already`);
    return undefined;
  }

  private sendNext(): void {
    if (this.held || this.isTuning || this.state !== "open") return;
    const packet = this.queue.shift();
    if (!packet) return;
    this.held = packet;
    this.write(kissFrame(COMMAND.DATA, packet.payload));
    this.watch.begin(packetAirtimeMs(this.channel.modulation, packet.payload.length));
  }

  /** The firmware holds the packet no more. */
  private release(fate: Fate): void {
    this.watch.end();
    this.held?.tell(fate);
    this.held = undefined;
    this.whenIdle?.();
    this.sendNext();
  }

  private async change(settings: ChannelSettings): Promise<void> {
    settingsOf(settings);
    if (this.state !== "open") throw new RadioError("radio-gone", `the radio is ${this.state}`);
    this.isTuning = true;
    try {
      await this.idle();
      this.work.stop();
      await tune(this.exchange, settings);
      this.checkIsNotClosed();
      this.settings = settings;
    } catch (error) {
      await this.tuneBack();
      throw error;
    } finally {
      this.isTuning = false;
      if (this.state === "open") this.work.start();
    }
    this.changed();
    this.sendNext();
  }

  /** The last answer may come at the very moment at which the line goes. */
  private checkIsNotClosed(): void {
    if (this.state === "closed") throw new RadioError("radio-gone", "the radio is closed");
  }

  private idle(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.held) return resolve();
      this.whenIdle = () => {
        this.whenIdle = undefined;
        resolve();
      };
    });
  }

  /** A channel that was refused leaves the radio on the one that it had. */
  private async tuneBack(): Promise<void> {
    if (this.state !== "open") return;
    try {
      await tune(this.exchange, this.settings);
      this.isTuning = false;
      this.sendNext();
    } catch (error) {
      this.giveUp(`it can be set to no channel: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private take(frame: KissFrame): void {
    if (this.state === "closed") return;
    if (this.exchange.take(frame)) return;
    this.work.take(frame);
    const { command, payload } = frame;
    const [first] = payload;
    if (this.readings.take(frame)) this.changed();
    if (command === COMMAND.DATA) this.receive(payload);
    if (command === COMMAND.STAT_CHANNEL) this.watch.onChannelTime();
    if (first === undefined || payload.length > 1) return;
    if (command === COMMAND.READY) this.watch.onReady(first === 1);
    if (command === COMMAND.ERROR) this.takeError(first);
    // While it is being opened it may have been restarted by that.
    if (command === COMMAND.RESET && first === RESET_BYTE && this.state === "open")
      this.giveUp("the firmware was restarted");
  }

  /** The firmware tells how a packet was heard right before it; what comes without that is noise on the line. */
  private receive(payload: Uint8Array): void {
    const reception = this.readings.takeReception();
    if (!reception || payload.length === 0 || this.state !== "open") return;
    this.emit("received", { payload, from: undefined, to: undefined, ...reception, hops: 0 });
  }

  private takeError(code: number): void {
    if (code === ERROR.QUEUE_FULL) {
      this.release({
        state: "failed",
        reason: "queue-full",
        detail: "the firmware's queue is full (error 4)",
      });
    } else if (code === ERROR.TX_FAILED) {
      this.release({ state: "failed", reason: "refused", detail: "the firmware could not send (error 2)" });
    } else if (code === ERROR.INIT_RADIO) {
      this.exchange.fail(new RadioError("refused", "the radio chip does not start (error 1)"));
    } else {
      this.options.log.warn(`${this.options.port.name}: the firmware reports error ${code}`);
    }
  }

  private changed(): void {
    if (this.state === "open") this.emit("changed");
  }

  private command(command: number, byte: number): void {
    this.write(kissFrame(command, [byte]));
  }

  private write(bytes: Uint8Array): void {
    this.options.port.write(bytes).catch((error: Error) => this.giveUp(error.message));
  }

  private giveUp(reason: string): void {
    const { port, log } = this.options;
    this.closeFor(reason);
    port.close().catch((error: unknown) => log.warn({ error }, `${port.name} cannot be closed`));
  }

  private closeFor(reason: string): void {
    if (this.state === "closed") return;
    const wasOpen = this.state === "open";
    this.state = "closed";
    this.work.stop();
    this.watch.end();
    this.exchange.close(new RadioError("radio-gone", reason));
    const underWay = this.held ? [this.held, ...this.queue.clear()] : this.queue.clear();
    this.held = undefined;
    for (const { tell } of underWay) tell({ state: "failed", reason: "radio-gone", detail: reason });
    this.whenIdle?.();
    if (wasOpen) this.emit("closed", reason);
  }
}
