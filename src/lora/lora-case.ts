import { EventEmitter } from "node:events";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { AirtimeLedger, RegionName, SubBand } from "./airtime/index.ts";
import type { FirmwareName } from "./drivers.ts";
import type { Link } from "./link/index.ts";
import type { ChannelSettings } from "./modulation.ts";
import { type Radio, RadioError, type RadioNode, type RadioStatus } from "./radio.ts";
import { RadioTie } from "./radio-tie.ts";

/** A radio on a port that is open, before its handshake. */
export interface Connected {
  firmware: FirmwareName;
  radio: Radio;
  /** Of the serial line; absent on a network. */
  baudRate?: number;
}

/** What was there the last time. */
export type Known = Pick<Connected, "firmware" | "baudRate">;

export interface LoraCaseOptions {
  /** The adapter's own name, the same when it is found again. */
  key: string;
  link: Link;
  /** Whose limits hold; undefined: it only listens. */
  region: RegionName | undefined;
  /** What it is set to where the firmware leaves that to the host. */
  channel: ChannelSettings;
  sosReserve: number;
  ledgerOf: (subBand: SubBand) => AirtimeLedger;
  /**
   * Opens the port and finds out what is there.
   * @param known what was there the last time: it alone is tried
   * @returns undefined when no radio answers
   * @throws Error when the port cannot be opened
   */
  connect: (known: Known | undefined) => Promise<Connected | undefined>;
  timers: Timers;
  random: () => number;
  log: Logger;
}

export type CaseState =
  /** Not there. */
  | "gone"
  /** It is being found out what it is. */
  | "looking"
  /** No radio answers. */
  | "no radio"
  /** It hears, and may not send. */
  | "listening"
  | "working";

export interface LoraCaseEvents {
  changed: [];
  /** Journalled by the part. */
  told: [kind: "lora-case-up" | "lora-case-down", detail: Record<string, string>];
}

const FIRST_RETRY_MS = 250;
/** Something that is no radio is asked again so seldom that it is not disturbed. */
const LONGEST_RETRY_MS = 300_000;
/** A radio that has worked is worth asking often. */
const LONGEST_KNOWN_RETRY_MS = 5_000;
/** Firmware whose channel is set once it is open; RNode's is set by its driver. */
const SET_BY_HOST: readonly FirmwareName[] = ["rylr998", "e22"];
/** So many failures in a row of what was there before, and it is found out anew: other firmware may be on it now. */
const TRUSTED_FAILURES = 3;

const GONE = Symbol("gone");

/** One LoRa case: found out, set up, tied to its link, and taken up again whenever it comes back. */
export class LoraCase extends EventEmitter<LoraCaseEvents> {
  private current: CaseState = "gone";
  private why = "";
  private isPresent = false;
  private isStopped = false;
  private known: Known | undefined;
  private hasWorked = false;
  /** Openings in a row that came to nothing. */
  private failures = 0;
  private radio: Radio | undefined;
  private tie: RadioTie | undefined;
  private connect: LoraCaseOptions["connect"];
  private wake: () => void = () => {};
  private tending: Promise<void> | undefined;

  constructor(private readonly options: LoraCaseOptions) {
    super();
    this.connect = options.connect;
  }

  get key(): string {
    return this.options.key;
  }

  get link(): Link {
    return this.options.link;
  }

  get state(): CaseState {
    return this.current;
  }

  /** Why it is as it is, in words; "" while all is well. */
  get reason(): string {
    return this.why;
  }

  get firmware(): FirmwareName | undefined {
    return this.known?.firmware;
  }

  get radioStatus(): RadioStatus | undefined {
    return this.radio?.status();
  }

  get nodes(): readonly RadioNode[] {
    return this.radio?.nodes() ?? [];
  }

  /** The sub-band that it sends in, with what it has used of it, each limit with its window. */
  get airtime(): { subBand: SubBand; usedMs: number[] } | undefined {
    const subBand = this.tie?.subBand;
    if (!subBand) return undefined;
    const ledger = this.options.ledgerOf(subBand);
    const nowMs = this.options.timers.monotonicMs();
    return { subBand, usedMs: subBand.limits.map((limit) => ledger.usedMs(limit, nowMs)) };
  }

  /** From now on it is opened in this way. */
  connectBy(connect: LoraCaseOptions["connect"]): void {
    this.connect = connect;
  }

  /** It is plugged in. */
  come(): void {
    this.isPresent = true;
    this.wake();
    this.tending ??= this.tend().finally(() => {
      this.tending = undefined;
      // It came back at the very end.
      if (this.isWanted) this.come();
    });
  }

  /** It is not there any more. */
  go(): void {
    this.isPresent = false;
    this.wake();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.go();
    await this.tending;
  }

  private get isWanted(): boolean {
    return this.isPresent && !this.isStopped;
  }

  private async tend(): Promise<void> {
    let waitMs = FIRST_RETRY_MS;
    while (this.isWanted) {
      this.become("looking");
      const startedMs = this.options.timers.monotonicMs();
      const why = await this.serve().catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      if (!this.isWanted) break;
      this.become("no radio", why);
      const servedMs = this.options.timers.monotonicMs() - startedMs;
      const longestMs = this.hasWorked ? LONGEST_KNOWN_RETRY_MS : LONGEST_RETRY_MS;
      const wasWell = this.failures === 0 && servedMs > LONGEST_KNOWN_RETRY_MS;
      waitMs = wasWell ? FIRST_RETRY_MS : Math.min(waitMs * 2, longestMs);
      await this.pause(waitMs);
    }
    this.become("gone");
  }

  /** @returns why it is over */
  private async serve(): Promise<string> {
    const gone = new Promise<typeof GONE>((resolve) => {
      this.wake = () => {
        if (!this.isWanted) resolve(GONE);
      };
    });
    if (this.failures >= TRUSTED_FAILURES) this.known = undefined;
    const connecting = this.connect(this.known);
    const connected = await Promise.race([connecting, gone]);
    if (connected === GONE) {
      // Nobody waits for it any more, and whatever it opens is closed again.
      connecting.then((late) => late?.radio.close()).catch(() => {});
      return "unplugged";
    }
    if (!connected) {
      // All were asked. It is another thing now, and not to be disturbed often.
      this.hasWorked = false;
      return "no LoRa firmware answers";
    }
    const { radio, firmware, baudRate } = connected;
    // A port that is busy or forbidden says nothing of what is behind it; one that is open and silent does.
    this.failures += 1;
    const closed = new Promise<string>((resolve) => radio.once("closed", resolve));
    try {
      const opening = radio.open();
      // Where it is gone first, it fails, and nobody waits for it any more.
      opening.catch(() => {});
      if ((await Promise.race([opening, gone])) === GONE) return "unplugged";
      this.radio = radio;
      this.known = { firmware, ...(baudRate === undefined ? {} : { baudRate }) };
      this.failures = 0;
      this.hasWorked = true;
      const over = Promise.race([closed.then((why) => ({ why })), gone]);
      const set = await Promise.race([this.setChannel(radio, firmware), over]);
      if (set === GONE) return "unplugged";
      if (typeof set !== "string") return set.why;
      this.use(radio, firmware, set);
      const why = await Promise.race([closed, gone]);
      const reason = why === GONE ? "unplugged" : why;
      this.emit("told", "lora-case-down", { reason });
      return reason;
    } finally {
      this.wake = () => {};
      radio.removeAllListeners("changed");
      this.tie?.untie();
      this.tie = undefined;
      this.radio = undefined;
      await radio
        .close()
        .catch((error: unknown) => this.options.log.debug({ error }, `${this.key}: closing`));
    }
  }

  /** @returns why the radio does not take the operator's channel; "" when it does, or keeps one of its own */
  private async setChannel(radio: Radio, firmware: FirmwareName): Promise<string> {
    if (!SET_BY_HOST.includes(firmware)) return "";
    try {
      await radio.setChannel(this.options.channel);
      return "";
    } catch (error) {
      if (!(error instanceof RadioError)) throw error;
      this.options.log.warn({ error }, `${this.key}: it does not take the channel`);
      return error.reason === "unsupported" ? "" : error.message;
    }
  }

  /** @param refusal why it may not be used for sending; "" when it may */
  private use(radio: Radio, firmware: FirmwareName, refusal: string): void {
    const show = (why: string) => this.become(why === "" ? "working" : "listening", why);
    if (refusal === "") {
      const tie = new RadioTie({ ...this.options, radio, firmware });
      this.tie = tie;
      const refresh = () => {
        tie.refresh();
        show(tie.reason);
      };
      radio.on("changed", refresh);
      refresh();
    } else show(refusal);
    radio.on("changed", () => this.emit("changed"));
    this.emit("told", "lora-case-up", {
      firmware: radio.status().firmware,
      state: this.current,
      ...(this.why === "" ? {} : { reason: this.why }),
    });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.timers.after(ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  private become(state: CaseState, why = ""): void {
    if (this.current === state && this.why === why) return;
    this.current = state;
    this.why = why;
    this.emit("changed");
  }
}
