import { bitRate } from "../airtime/time-on-air.ts";
import type { DriverContext } from "../driver.ts";
import type { ChannelSettings } from "../modulation.ts";
import type { Port, PortClosed } from "../port.ts";
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
import { ChannelChange, isSameChannel } from "./channel-change.ts";
import { configFor } from "./channel-settings.ts";
import { Facts } from "./facts.ts";
import { Framer } from "./framer.ts";
import { fromRadioRules } from "./from-radio-rules.ts";
import { Handshake } from "./handshake.ts";
import { Inbox } from "./inbox.ts";
import { NodeBook } from "./node-book.ts";
import { numberOf } from "./node-id.ts";
import { Outbox } from "./outbox.ts";
import { PacketIds } from "./packet-ids.ts";
import type { FromRadio, MeshPacket, Region } from "./proto/meshtastic_pb.ts";
import { SessionWatch } from "./session-watch.ts";
import { admin, disconnect, heartbeat, sendPacket } from "./to-radio.ts";
import {
  KEY_BYTES,
  MAX_PAYLOAD_BYTES,
  OVERHEAD_BYTES,
  overheadBytesOf,
  packetAirtimeMs,
} from "./wire-sizes.ts";

/** Half a frame whose rest has not come for so long is looked into. A whole one takes 45 ms on the line. */
const FRAME_GAP_MS = 200;
/** Opening the line may start a board anew. */
const OPEN_PATIENCE_MS = 9_000;
/** Some boards take long to start. */
const RESTART_PATIENCE_MS = 30_000;

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
  private readonly watch: SessionWatch;
  private readonly ids: PacketIds;
  private handshake: Handshake | undefined;
  private change: ChannelChange | undefined;
  private changes: Promise<void> = Promise.resolve();
  private settleOpening: { resolve: () => void; reject: (error: RadioError) => void } | undefined;
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
    this.facts = new Facts(this.book);
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
      received: (packet) => this.emit("received", packet),
      routing: (id, error, from) => this.outbox.takeRouting(id, error, from),
      changed: () => this.changed(),
    });
    this.watch = new SessionWatch({
      timers,
      heartbeat: () => this.write(heartbeat()),
      suspect: () => this.outbox.suspect(),
      doubt: () => this.perhapsRestarted(),
      dead: (reason) => this.shut(reason),
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
      this.shakeHands("full", OPEN_PATIENCE_MS);
    });
  }

  async close(): Promise<void> {
    if (this.state === "open") this.write(disconnect());
    this.shut("closed by the host");
    await this.port.close();
  }

  send({ payload, priority, to }: Outgoing, told: (fate: Fate) => void): void {
    const number = to === undefined ? undefined : numberOf(to);
    const failure = this.failureOf(payload, to, number);
    if (failure) this.context.timers.after(0, () => told(failure));
    else this.outbox.add(payload, number, priority, told);
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

  private changeTo(settings: ChannelSettings): Promise<void> {
    const { facts } = this;
    const { lora } = facts;
    return new Promise((resolve, reject) => {
      if (this.state !== "open" || !lora) throw new RadioError("radio-gone", `the radio is ${this.state}`);
      const config = configFor(settings, lora, facts.channelName, this.options.region);
      if (isSameChannel(config, lora)) return resolve();
      this.change = new ChannelChange({
        timers: this.context.timers,
        config,
        request: (request) => {
          const id = this.ids.next();
          this.write(admin(id, facts.self ?? 0, request));
          return id;
        },
        quiet: (done) => {
          this.outbox.pause();
          this.outbox.onceIdle(done);
        },
        shakeHands: () => this.shakeHands("short", RESTART_PATIENCE_MS),
        done: (error) => {
          this.change = undefined;
          if (this.state === "open" && !this.handshake) this.outbox.resume();
          if (error) reject(error);
          else resolve();
        },
      });
      this.change.start();
    });
  }

  private failureOf(
    payload: Uint8Array,
    to: string | undefined,
    number: number | undefined,
  ): Fate | undefined {
    const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });
    if (this.state !== "open") {
      const not = this.state === "closed" ? "closed" : "not open yet";
      return failed("radio-gone", `the radio is ${not}`);
    }
    if (payload.length === 0) return failed("refused", "payload: it is empty");
    if (to !== undefined && number === undefined) return failed("refused", `to: ${to} names no node`);
    if (number !== undefined && number === this.facts.self)
      return failed("refused", `to: ${to} is this radio`);
    const hasKey = number !== undefined && this.book.get(number)?.hasKey === true;
    const limit = MAX_PAYLOAD_BYTES - (hasKey ? KEY_BYTES : 0);
    if (payload.length <= limit) return undefined;
    return failed("too-large", `payload: ${payload.length} bytes, more than ${limit}`);
  }

  private airtimeMs(payloadBytes: number, isToOne: boolean): number {
    const { modulation, version } = this.facts;
    const overhead = isToOne ? OVERHEAD_BYTES + KEY_BYTES : overheadBytesOf(version);
    return packetAirtimeMs(modulation, payloadBytes, overhead);
  }

  private shakeHands(extent: "full" | "short", patienceMs: number): void {
    this.watch.stop();
    this.outbox.pause();
    this.handshake?.stop();
    const { timers, random } = this.context;
    const { rebootCount } = this.facts;
    this.handshake = new Handshake({
      timers,
      random,
      extent,
      patienceMs,
      write: (bytes) => this.write(bytes),
      done: (isComplete) => {
        this.handshake = undefined;
        if (!isComplete) {
          const detail = "no Meshtastic firmware answers";
          this.shut(detail, new RadioError("no-answer", detail));
        } else this.begin(rebootCount);
      },
    });
    this.handshake.start();
  }

  /** A session has begun. @param rebootCount of the one before */
  private begin(rebootCount: number): void {
    const isRestarted = this.facts.rebootCount !== rebootCount;
    if (this.state === "opening") {
      this.state = "open";
      this.settleOpening?.resolve();
      this.settleOpening = undefined;
    } else if (isRestarted) {
      this.outbox.reset("the firmware was started anew");
    }
    this.watch.start(this.framer.noiseBytes, isRestarted);
    this.changed();
    if (this.change) this.change.verify(this.facts.lora);
    else this.outbox.resume();
  }

  private receive(bytes: Uint8Array): void {
    this.callOffGap();
    this.framer.push(bytes);
    if (this.state === "closed") return;
    if (this.state === "open" && !this.handshake) this.watch.noted(this.framer.noiseBytes);
    if (this.framer.isWaiting) {
      this.callOffGap = this.context.timers.after(FRAME_GAP_MS, () => this.framer.settle());
    }
  }

  private onMessage(message: FromRadio): void {
    if (this.state === "closed") return;
    const { content } = message;
    const { log } = this.context;
    this.watch.heard(content.case === "packet");
    if (this.facts.take(message)) {
      // Beside a handshake it tells what has changed.
      if (!this.handshake) this.changed();
    } else {
      switch (content.case) {
        case "packet":
          this.onPacket(content.value);
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
    this.handshake?.take(message);
  }

  private onPacket(packet: MeshPacket): void {
    if (this.state === "open") this.inbox.take(packet);
  }

  /** The firmware has begun anew: it has forgotten what it had of ours, and that we listen. */
  private restarted(): void {
    if (this.state !== "open") {
      // Opening the line has done that: what was asked for before is lost.
      if (this.handshake) this.shakeHands("full", OPEN_PATIENCE_MS);
      return;
    }
    this.context.log.info(`${this.port.name}: the firmware was started anew`);
    this.outbox.reset("the firmware was started anew");
    if (this.change) this.change.restarted();
    if (!this.handshake) this.shakeHands("full", RESTART_PATIENCE_MS);
  }

  /** What came may have been boot text, or noise on the line: whether it has begun anew, its count of that tells. */
  private perhapsRestarted(): void {
    if (this.change) this.change.restarted();
    if (!this.handshake) this.shakeHands("short", RESTART_PATIENCE_MS);
  }

  private doubt(why: string): void {
    if (this.state !== "open" || this.handshake) return;
    this.context.log.warn(`${this.port.name}: ${why}`);
    this.outbox.reset(why);
    this.shakeHands("short", OPEN_PATIENCE_MS);
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
    this.watch.stop();
    this.handshake?.stop();
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
