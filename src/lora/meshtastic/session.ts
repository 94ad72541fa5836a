import type { Timers } from "../../host/timers.ts";
import { Handshake } from "./handshake.ts";
import type { FromRadio } from "./proto/meshtastic_pb.ts";
import { SessionWatch } from "./session-watch.ts";
import { heartbeat } from "./to-radio.ts";

/** Opening the line may start a board anew. */
const OPEN_PATIENCE_MS = 9_000;
/** Some boards take long to start. */
const RESTART_PATIENCE_MS = 30_000;

export interface SessionOptions {
  timers: Timers;
  random: () => number;
  write: (bytes: Uint8Array) => void;
  /** How often the firmware was started, as it has told last. */
  rebootCount: () => number;
  /** Bytes so far that were in no frame. */
  noiseBytes: () => number;
  /** A handshake begins: nothing is to be handed over until {@link SessionOptions.begun}. */
  shaking: () => void;
  /** All is known. @param isRestarted the firmware was started anew since the session before */
  begun: (isRestarted: boolean) => void;
  /** The firmware may be starting anew, and hear nothing. */
  suspect: () => void;
  /** A handshake follows, unless another has begun by then. */
  doubt: () => void;
  /** The firmware does not answer. @param wasAsked for its configuration */
  ended: (reason: string, wasAsked: boolean) => void;
}

/** That the firmware knows of us: a handshake, what keeps it alive, and another one when it may have forgotten. */
export class Session {
  private handshake: Handshake | undefined;
  private readonly watch: SessionWatch;

  constructor(private readonly options: SessionOptions) {
    const { timers, write, suspect, doubt, ended } = options;
    this.watch = new SessionWatch({
      timers,
      suspect,
      heartbeat: () => write(heartbeat()),
      doubt: () => {
        doubt();
        if (!this.handshake) this.renew("short");
      },
      dead: (reason) => ended(reason, false),
    });
  }

  get isShakingHands(): boolean {
    return this.handshake !== undefined;
  }

  /** The first one; once more where opening the line has started the firmware. */
  open(): void {
    this.shakeHands("full", OPEN_PATIENCE_MS);
  }

  /** @param extent `short`: all but the nodes */
  renew(extent: "full" | "short"): void {
    this.shakeHands(extent, RESTART_PATIENCE_MS);
  }

  stop(): void {
    this.watch.stop();
    this.handshake?.stop();
  }

  /** Every message, before it is understood. */
  heard({ content }: FromRadio): void {
    this.watch.heard(content.case === "packet");
  }

  /** Every message, after it was understood. */
  take(message: FromRadio): void {
    this.handshake?.take(message);
  }

  /** Something has come that may have been in no frame. */
  noted(): void {
    if (!this.handshake) this.watch.noted(this.options.noiseBytes());
  }

  private shakeHands(extent: "full" | "short", patienceMs: number): void {
    const { timers, random, write, rebootCount, noiseBytes, shaking, begun, ended } = this.options;
    this.stop();
    shaking();
    const before = rebootCount();
    this.handshake = new Handshake({
      timers,
      random,
      write,
      extent,
      patienceMs,
      done: (isComplete) => {
        this.handshake = undefined;
        if (!isComplete) {
          ended("no Meshtastic firmware answers", true);
          return;
        }
        const isRestarted = rebootCount() !== before;
        this.watch.start(noiseBytes(), isRestarted);
        begun(isRestarted);
      },
    });
    this.handshake.start();
  }
}
