import { bitRate, timeOnAirMs } from "../airtime/time-on-air.ts";
import type { DriverContext } from "../driver.ts";
import type { ChannelSettings } from "../modulation.ts";
import { OneByOne } from "../one-by-one.ts";
import type { Port, PortClosed } from "../port.ts";
import {
  type FailureReason,
  type Fate,
  type NodeId,
  type Outgoing,
  Radio,
  type RadioCapabilities,
  RadioError,
  type RadioNode,
  type RadioStatus,
} from "../radio.ts";
import { ASK_VERSION, asks, sets, valueIn } from "./at-commands.ts";
import { type Answer, type AtCommand, AtQueue } from "./at-queue.ts";
import { asRadioError, BUSY, ModuleError } from "./errors.ts";
import { LineParser, type ReceivedLine } from "./line-parser.ts";
import { airBytes, fromData, MAX_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES, toData } from "./packet.ts";
import { readSettings } from "./read-settings.ts";
import { channelCommands, type ModuleSettings, modelOf, modulationOf } from "./settings.ts";

/** Some firmwares answer when the packet has left, others before. */
const SEND_ANSWER_MS = 3_000;
const BUSY_RETRY_MS = 50;
const BUSY_LIMIT_MS = 10_000;
/** The rest of a line comes within milliseconds: 300 bytes take 26 ms. */
const LINE_GAP_MS = 150;
const EVERYONE = 0;
const MAX_ADDRESS = 0xffff;
const MAX_NODES = 200;

interface Heard {
  atMs: number;
  snrDb: number;
}

/** A REYAX RYLR998 or RYLR498: addresses, no acknowledgements, no queue, no listening before it talks. */
export class Rylr998Radio extends Radio {
  private state: "new" | "opening" | "open" | "closed" = "new";
  private settings: ModuleSettings | undefined;
  private callOffGap: () => void = () => {};
  private failOpening: (error: RadioError) => void = () => {};
  private readonly heard = new Map<NodeId, Heard>();
  private readonly parser: LineParser;
  private readonly queue: AtQueue;
  private readonly sender: OneByOne;
  private readonly onData = (bytes: Uint8Array) => this.receive(bytes);
  private readonly onClosed = ({ reason, detail }: PortClosed) => this.shut(`port ${reason}: ${detail}`);

  constructor(
    private readonly port: Port,
    private readonly context: DriverContext,
  ) {
    super();
    const { timers } = context;
    this.parser = new LineParser({
      onLine: (line) => this.onLine(line),
      onReceived: (received) => this.onReceived(received),
    });
    this.queue = new AtQueue({
      timers,
      write: (text) => this.write(text),
      resync: ASK_VERSION,
      onSilent: (detail) => this.shut(detail, new RadioError("no-answer", detail)),
    });
    this.sender = new OneByOne({
      timers,
      maxPayloadBytes: () => MAX_PAYLOAD_BYTES,
      start: (outgoing, end) => this.start(outgoing, end),
    });
  }

  get capabilities(): RadioCapabilities {
    return {
      maxPayloadBytes: MAX_PAYLOAD_BYTES,
      bitRate: this.settings && bitRate(this.settings.channel.modulation),
      access: "raw",
      routes: false,
      acknowledges: false,
      listensBeforeTalk: false,
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
      const done = (settings: ModuleSettings) => {
        this.settings = settings;
        this.state = "open";
        this.sender.open();
        resolve();
      };
      readSettings(this.queue, done, (error) => this.shut(error.message, error));
    });
  }

  async close(): Promise<void> {
    this.shut("closed by the host");
    await this.port.close();
  }

  /** `to` is an address of 1 to 65535 in decimal. */
  send(outgoing: Outgoing, told: (fate: Fate) => void): void {
    this.sender.send(outgoing, told);
  }

  status(): RadioStatus {
    const { settings } = this;
    return {
      firmware: settings?.version ?? "RYLR998",
      hardware: settings && `REYAX ${modelOf(settings.version)}`,
      self: settings && String(settings.address),
      name: undefined,
      channel: settings ? { ...settings.channel, name: `network ${settings.networkId}` } : {},
      airtimeShare: undefined,
      channelUse: undefined,
      batteryPercent: undefined,
      position: undefined,
    };
  }

  /** Whoever was heard since the radio was opened. */
  nodes(): readonly RadioNode[] {
    const nowMs = this.context.timers.monotonicMs();
    return [...this.heard].map(([id, { atMs, snrDb }]) => ({
      id,
      name: id,
      heardSecondsAgo: Math.floor((nowMs - atMs) / 1_000),
      snrDb,
      hops: 0,
    }));
  }

  async setChannel(channel: ChannelSettings): Promise<void> {
    const { settings } = this;
    if (this.state !== "open" || !settings) throw new RadioError("radio-gone", `the radio is ${this.state}`);
    const commands = channelCommands(channel, settings);
    if (typeof commands === "string") throw new RadioError("refused", commands);
    await Promise.all(commands.map((text) => this.asked(sets(text))));
    const [parameter] = await Promise.all([this.asked(asks("PARAMETER"))]);
    const modulation = modulationOf(parameter) ?? channel.modulation;
    this.settings = { ...settings, channel: { ...channel, modulation } };
    this.emit("changed");
  }

  /** @returns what stands behind the `=` */
  private asked(command: AtCommand): Promise<string> {
    return new Promise((resolve, reject) => {
      this.queue.run(command, (answer) => {
        if ("line" in answer) resolve(valueIn(answer.line));
        else reject(asRadioError(answer.error));
      });
    });
  }

  private start({ payload, to }: Outgoing, end: (fate: Fate) => void): void {
    const address = to === undefined ? EVERYONE : addressOf(to);
    if (address === undefined) {
      this.context.timers.after(0, () => end(failed("refused", `to: ${to} is not an address of 1 to 65535`)));
      return;
    }
    const data = toData(payload, to !== undefined);
    const modulation = this.settings?.channel.modulation;
    const airtimeMs = modulation ? timeOnAirMs(modulation, airBytes(payload.length)) : 0;
    const { timers } = this.context;
    const endMs = timers.monotonicMs() + BUSY_LIMIT_MS + airtimeMs;
    const attempt = () => {
      const startMs = timers.monotonicMs();
      const command = sets(`AT+SEND=${address},${data.length},${data}`, SEND_ANSWER_MS + airtimeMs);
      this.queue.run(command, (answer) => {
        if ("line" in answer) {
          // Not before the packet has left, though the module may answer at once.
          const leftMs = startMs + airtimeMs - timers.monotonicMs();
          timers.after(Math.max(0, leftMs), () => end({ state: "on-air" }));
        } else if (isBusy(answer) && timers.monotonicMs() < endMs) {
          timers.after(BUSY_RETRY_MS, attempt);
        } else {
          end(failed(reasonOf(answer.error), answer.error.message));
        }
      });
    };
    attempt();
  }

  private receive(bytes: Uint8Array): void {
    this.callOffGap();
    this.parser.push(bytes);
    this.planGap();
  }

  private planGap(): void {
    if (!this.parser.isWaiting || this.state === "closed") return;
    this.callOffGap = this.context.timers.after(LINE_GAP_MS, () => {
      this.parser.giveUp();
      this.planGap();
    });
  }

  private onLine(line: string): void {
    if (this.state === "closed") return;
    if (line === "+READY" && this.state === "open") this.shut("the module was started anew");
    else this.queue.onLine(line);
  }

  private onReceived({ from, data, rssiDbm, snrDb }: ReceivedLine): void {
    if (this.state !== "open") return;
    const id = String(from);
    if (this.heard.size < MAX_NODES || this.heard.has(id)) {
      this.heard.set(id, { atMs: this.context.timers.monotonicMs(), snrDb });
    }
    const packet = fromData(data);
    if (!packet) {
      this.context.log.debug(`${this.port.name}: a packet from ${id} that no box sent`);
      return;
    }
    const to = packet.isToOne ? this.status().self : undefined;
    this.emit("received", { payload: packet.payload, from: id, to, rssiDbm, snrDb, hops: 0 });
  }

  private write(text: string): void {
    this.port.write(new TextEncoder().encode(text)).catch((error: unknown) => {
      this.shut(error instanceof Error ? error.message : String(error));
    });
  }

  private shut(detail: string, openingError = new RadioError("radio-gone", detail)): void {
    if (this.state === "closed") return;
    const was = this.state;
    this.state = "closed";
    this.callOffGap();
    this.port.off("data", this.onData);
    this.port.off("closed", this.onClosed);
    this.sender.close(detail);
    this.failOpening(openingError);
    this.queue.close(new RadioError("radio-gone", detail));
    this.port
      .close()
      .catch((error: unknown) => this.context.log.debug({ error }, `${this.port.name}: close`));
    if (was === "open") this.emit("closed", detail);
  }
}

const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });
const isBusy = (answer: Answer): boolean =>
  "error" in answer && answer.error instanceof ModuleError && answer.error.code === BUSY;
function reasonOf(error: ModuleError | RadioError): FailureReason {
  if (error instanceof RadioError) return "radio-gone";
  return error.code === BUSY ? "queue-full" : "refused";
}

function addressOf(to: NodeId): number | undefined {
  if (!/^\d{1,5}$/.test(to)) return undefined;
  const address = Number(to);
  return address >= 1 && address <= MAX_ADDRESS ? address : undefined;
}
