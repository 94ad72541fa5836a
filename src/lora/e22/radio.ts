import { bitRate } from "../airtime/time-on-air.ts";
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
import { channelOf, withChannel } from "./channel.ts";
import { Configuration, type ConfigurationAccess } from "./configuration.ts";
import { encodeFrame, Framer } from "./frame.ts";
import { departureMs, maxPayloadBytes, OVERHEAD_BYTES } from "./pacing.ts";
import {
  E22_900T22,
  FACTORY,
  LINE_BAUD,
  type ModuleKind,
  modulationOf,
  type Registers,
  serialBaud,
} from "./registers.ts";

export interface E22Options {
  /** Default: 868/915 MHz, 22 dBm. The module does not tell. */
  kind?: ModuleKind;
  /**
   * How a module is set that cannot be asked, because it is transparent and its software switch is off. Without this
   * such a module is not opened: nothing tells it from a line with nothing at its end.
   */
  assumed?: Registers;
}

/** The module gives out a packet without a break; what stops in the middle was none. */
const FRAME_GAP_MS = 300;
const EVERYONE = 0xffff;

/**
 * An EBYTE E22 with a serial line alone: its mode pins M0 and M1, and AUX, are not there. It is transparent, hears
 * everyone on its address, network and channel, and does not say who has sent.
 */
export class E22Radio extends Radio {
  private state: "new" | "opening" | "open" | "closed" = "new";
  private registers: Registers | undefined;
  /** undefined: it does not answer, and is as it was assumed to be. */
  private access: ConfigurationAccess | undefined;
  private callOffGap: () => void = () => {};
  private failOpening: (error: RadioError) => void = () => {};
  /** Questions and packets take turns on the line. */
  private lineTaken = false;
  private readonly waitingForLine: (() => void)[] = [];
  private readonly kind: ModuleKind;
  private readonly framer: Framer;
  private readonly configuration: Configuration;
  private readonly sender: OneByOne;
  private readonly onData = (bytes: Uint8Array) => this.receive(bytes);
  private readonly onClosed = ({ reason, detail }: PortClosed) => this.shut(`port ${reason}: ${detail}`);

  constructor(
    private readonly port: Port,
    private readonly context: DriverContext,
    private readonly options: E22Options = {},
  ) {
    super();
    const { timers } = context;
    this.kind = options.kind ?? E22_900T22;
    this.framer = new Framer({
      hasRssi: () => this.registers?.hasRssiByte ?? false,
      onFrame: (payload, rssiDbm) => this.onFrame(payload, rssiDbm),
    });
    this.configuration = new Configuration({ timers, write: (bytes) => this.write(bytes) });
    this.sender = new OneByOne({
      timers,
      maxPayloadBytes: () => this.capabilities.maxPayloadBytes,
      start: (outgoing, end) => this.takeLine((release) => this.start(outgoing, end, release)),
    });
  }

  get capabilities(): RadioCapabilities {
    const registers = this.registers ?? this.options.assumed ?? FACTORY;
    return {
      maxPayloadBytes: maxPayloadBytes(registers),
      bitRate: this.registers && bitRate(modulationOf(registers.airRate)),
      access: registers.listensBeforeTalk ? "managed" : "raw",
      routes: false,
      acknowledges: false,
      listensBeforeTalk: registers.listensBeforeTalk,
      overheadBytes: OVERHEAD_BYTES,
    };
  }

  /**
   * @throws {RadioError} `no-answer` when the module cannot be asked and {@link E22Options.assumed} is not given;
   *   `refused` when its pins let it be asked, and without them it would talk at another speed than the line has
   */
  open(): Promise<void> {
    if (this.state !== "new") {
      return Promise.reject(new RadioError("refused", `a radio that is ${this.state} cannot be opened`));
    }
    this.state = "opening";
    this.port.on("data", this.onData);
    this.port.on("closed", this.onClosed);
    return new Promise((resolve, reject) => {
      this.failOpening = reject;
      this.configuration.ask((found) => {
        if (this.state !== "opening") return;
        const registers = found?.registers ?? this.options.assumed;
        if (!registers) {
          const why = "it is not in configuration mode, and does not switch to it by a command";
          this.shut(why, new RadioError("no-answer", why));
          return;
        }
        const refusal = found?.access === "by-pins" ? lineRefusalOf(registers) : undefined;
        if (refusal !== undefined) {
          this.shut(refusal, new RadioError("refused", refusal));
          return;
        }
        this.registers = registers;
        this.access = found?.access;
        this.state = "open";
        this.sender.open();
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.shut("closed by the host");
    await this.port.close();
  }

  /** `to` is looked at in fixed transmission only, where it is an address of 0 to 65534 in decimal. */
  send(outgoing: Outgoing, told: (fate: Fate) => void): void {
    this.sender.send(outgoing, told);
  }

  status(): RadioStatus {
    const { registers } = this;
    return {
      firmware: "EBYTE E22",
      hardware: this.kind.name,
      self: registers && String(registers.address),
      name: undefined,
      channel: registers ? channelOf(registers, this.kind) : {},
      airtimeShare: undefined,
      channelUse: undefined,
      batteryPercent: undefined,
      position: undefined,
    };
  }

  /** The module does not say who sends. */
  nodes(): readonly RadioNode[] {
    return [];
  }

  /** Until the module's power is off. */
  async setChannel(settings: ChannelSettings): Promise<void> {
    const { registers, access } = this;
    this.checkIsOpen();
    if (!registers) throw new RadioError("radio-gone", "the radio has not told how it is set");
    const wanted = withChannel(registers, settings, this.kind);
    if (access === undefined) {
      const how = "set M1 high and M0 low, or turn its software switch on";
      throw new RadioError("unsupported", `settings: the module is not in configuration mode: ${how}`);
    }
    const isSet = await new Promise<boolean>((resolve) => {
      this.takeLine((release) =>
        this.configuration.set(wanted, access, (now) => {
          if (now) this.registers = now;
          release();
          resolve(now !== undefined);
        }),
      );
    });
    this.checkIsOpen();
    if (!isSet) throw new RadioError("no-answer", "settings: the module does not answer any more");
    this.emit("changed");
  }

  private checkIsOpen(): void {
    if (this.state !== "open") throw new RadioError("radio-gone", `the radio is ${this.state}`);
  }

  private start({ payload, to }: Outgoing, end: (fate: Fate) => void, release: () => void): void {
    const { registers } = this;
    const address = addressOf(to);
    const over = (fate: Fate) => {
      release();
      end(fate);
    };
    if (!registers || address === undefined) {
      const detail = `to: ${to} is not an address of 0 to 65534`;
      this.context.timers.after(0, () => over(failed("refused", detail)));
      return;
    }
    if (this.access === "by-pins") {
      this.startWhenTransparent(payload, address, over);
      return;
    }
    this.transmit(registers, payload, address, over);
  }

  /** The pins may have been changed since: only a module in configuration mode answers. */
  private startWhenTransparent(payload: Uint8Array, address: number, over: (fate: Fate) => void): void {
    this.configuration.isConfiguring((isSo) => {
      const { registers } = this;
      if (isSo || !registers) {
        over(failed("refused", "the module is in configuration mode: set M0 and M1 low"));
        return;
      }
      this.access = undefined;
      this.transmit(registers, payload, address, over);
    });
  }

  private transmit(
    registers: Registers,
    payload: Uint8Array,
    address: number,
    over: (fate: Fate) => void,
  ): void {
    if (this.state !== "open") {
      over(failed("radio-gone", `the radio is ${this.state}`));
      return;
    }
    const frame = encodeFrame(payload);
    const head = registers.isFixed ? [address >> 8, address & 0xff, registers.channel] : [];
    this.write(Uint8Array.of(...head, ...frame));
    this.context.timers.after(departureMs(registers, payload.length), () => over({ state: "on-air" }));
  }

  private takeLine(use: (release: () => void) => void): void {
    const turn = () => {
      this.lineTaken = true;
      use(() => {
        this.lineTaken = false;
        this.waitingForLine.shift()?.();
      });
    };
    if (this.lineTaken) this.waitingForLine.push(turn);
    else turn();
  }

  private receive(bytes: Uint8Array): void {
    this.callOffGap();
    this.configuration.receive(bytes);
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

  private onFrame(payload: Uint8Array, rssiDbm: number | undefined): void {
    if (this.state !== "open") return;
    this.emit("received", {
      payload,
      from: undefined,
      to: undefined,
      rssiDbm,
      snrDb: undefined,
      hops: undefined,
    });
  }

  private write(bytes: Uint8Array): void {
    this.port.write(bytes).catch((error: unknown) => {
      this.shut(error instanceof Error ? error.message : String(error));
    });
  }

  private shut(detail: string, openingError = new RadioError("radio-gone", detail)): void {
    if (this.state === "closed") return;
    const was = this.state;
    this.state = "closed";
    this.callOffGap();
    this.configuration.stop();
    this.port.off("data", this.onData);
    this.port.off("closed", this.onClosed);
    this.sender.close(detail);
    this.failOpening(openingError);
    this.port
      .close()
      .catch((error: unknown) => this.context.log.debug({ error }, `${this.port.name}: close`));
    if (was === "open") this.emit("closed", detail);
  }
}

const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });

/** In configuration mode every module talks at one speed; out of it, at its own. */
function lineRefusalOf(registers: Registers): string | undefined {
  const baud = serialBaud(registers);
  if (baud === LINE_BAUD) return undefined;
  return `serial speed: REG0 sets ${baud} bit/s, and the line is opened at ${LINE_BAUD}: set it to ${LINE_BAUD}`;
}

function addressOf(to: NodeId | undefined): number | undefined {
  if (to === undefined) return EVERYONE;
  return /^\d{1,5}$/.test(to) && Number(to) < EVERYONE ? Number(to) : undefined;
}
