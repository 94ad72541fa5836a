import type { Timers } from "../../host/timers.ts";
import type { FromRadio } from "./proto/meshtastic_pb.ts";
import { AFTER_WAKE_UP_MS, newNonce, WAKE_UP, WITHOUT_NODES, wantConfig } from "./to-radio.ts";

/** Nothing of what was asked for has come for so long: it is asked for again. */
const STALLED_MS = 3_000;

export interface HandshakeOptions {
  timers: Timers;
  random: () => number;
  write: (bytes: Uint8Array) => void;
  /** `short`: all but the nodes. */
  extent: "full" | "short";
  /** With nothing heard for so long it is given up, in ms. */
  patienceMs: number;
  done: (isComplete: boolean) => void;
}

/** Asks the firmware for all that it knows, again when it stalls, until all of that has come. */
export class Handshake {
  private nonce = 0;
  private hasBegun = false;
  private heardMs: number;
  private callOff: () => void = () => {};

  constructor(private readonly options: HandshakeOptions) {
    this.heardMs = options.timers.monotonicMs();
  }

  start(): void {
    this.ask();
  }

  /** Every message while it goes on, after it was understood. */
  take({ content }: FromRadio): void {
    switch (content.case) {
      case "ownInfo":
        this.hasBegun = true;
        break;
      case "configCompleteId":
        // Of a question before ours, by us or by whoever had the line then.
        if (content.value !== this.nonce || !this.hasBegun) return;
        this.stop();
        this.options.done(true);
        return;
      case "nodeInfo":
      case "metadata":
      case "channel":
      case "config":
      case "moduleConfig":
      case undefined:
        break;
      default:
        return;
    }
    this.heardMs = this.options.timers.monotonicMs();
    this.watch();
  }

  stop(): void {
    this.callOff();
  }

  private ask(): void {
    const { timers, random, write, extent } = this.options;
    this.hasBegun = false;
    this.nonce = extent === "full" ? newNonce(random) : WITHOUT_NODES;
    write(WAKE_UP);
    this.callOff();
    this.callOff = timers.after(AFTER_WAKE_UP_MS, () => {
      write(wantConfig(this.nonce));
      this.watch();
    });
  }

  private watch(): void {
    const { timers, patienceMs, done } = this.options;
    this.callOff();
    this.callOff = timers.after(STALLED_MS, () => {
      if (timers.monotonicMs() - this.heardMs < patienceMs) this.ask();
      else done(false);
    });
  }
}
