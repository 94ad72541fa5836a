import type { Timers } from "../../host/timers.ts";
import { UnixDatagram } from "./unix-datagram.ts";

/** A program did not answer on its control socket. */
export class ControlError extends Error {
  override readonly name = "ControlError";
}

/** How often the socket is looked at: nothing else tells Bun that something has come. */
const LOOK_EVERY_MS = 100;
/** While an answer is waited for. */
const LOOK_FAST_MS = 10;
const ANSWERS_WITHIN_MS = 2_000;
/** Of one look: a program that says more waits for the next. */
const MAX_READS = 64;

export interface ControlSocketOptions {
  path: string;
  timers: Timers;
  /** What the program tells by itself, without its level: `AP-STA-CONNECTED 02:…`. */
  onEvent: (event: string) => void;
}

/**
 * The control interface of hostapd and wpa_supplicant: a datagram asks, one answers, and events come in between
 * (wpa_ctrl.h; events begin with their level, `<3>`).
 */
export class ControlSocket {
  private socket: UnixDatagram | undefined;
  private cancelLook: (() => void) | undefined;
  private waiting: { answer: (text: string) => void; fail: (error: Error) => void } | undefined;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ControlSocketOptions) {}

  /** Connects, and asks to be told of events. @throws {UnixDatagramError} {ControlError} when nobody is there */
  async open(): Promise<void> {
    this.close();
    this.socket = UnixDatagram.connect(this.options.path);
    this.look();
    const answer = await this.ask("ATTACH");
    if (answer !== "OK\n") throw new ControlError(`${this.options.path}: no events: ${answer.trim()}`);
  }

  get isOpen(): boolean {
    return this.socket !== undefined;
  }

  close(): void {
    this.cancelLook?.();
    this.socket?.close();
    this.socket = undefined;
    this.waiting?.fail(new ControlError(`${this.options.path}: closed`));
    this.waiting = undefined;
  }

  /** One question at a time, in the order in which they were asked. @throws {UnixDatagramError} {ControlError} */
  ask(command: string): Promise<string> {
    const asked = this.queue.then(() => this.askNow(command));
    this.queue = asked.catch(() => undefined);
    return asked;
  }

  private askNow(command: string): Promise<string> {
    const { socket } = this;
    if (socket === undefined) throw new ControlError(`${this.options.path}: is not open`);
    return new Promise<string>((resolve, reject) => {
      const late = () => this.waiting?.fail(new ControlError(`${this.options.path}: ${command}: no answer`));
      const callOff = this.options.timers.after(ANSWERS_WITHIN_MS, late);
      const done = () => {
        callOff();
        this.waiting = undefined;
      };
      this.waiting = {
        answer: (text) => {
          done();
          resolve(text);
        },
        fail: (error) => {
          done();
          reject(error);
        },
      };
      try {
        socket.send(command);
      } catch (error) {
        this.waiting.fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      this.look();
    });
  }

  private look(): void {
    this.cancelLook?.();
    for (let count = 0; count < MAX_READS; count += 1) {
      const text = this.socket?.receive();
      if (text === undefined) break;
      const event = /^<\d>([\s\S]*)$/.exec(text)?.[1];
      if (event === undefined) this.waiting?.answer(text);
      else this.options.onEvent(event.trim());
    }
    if (this.socket === undefined) return;
    const delayMs = this.waiting === undefined ? LOOK_EVERY_MS : LOOK_FAST_MS;
    this.cancelLook = this.options.timers.after(delayMs, () => this.look());
  }
}

/** Reads `STATUS`: a line a value, `state=ENABLED`. */
export function parseStatus(text: string): ReadonlyMap<string, string> {
  const pairs = text
    .slice(0, 16_384)
    .split("\n")
    .flatMap((line): [string, string][] => {
      const at = line.indexOf("=");
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
    });
  return new Map(pairs);
}
