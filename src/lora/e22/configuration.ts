import type { Timers } from "../../host/timers.ts";
import { decodeRegisters, encodeRegisters, REGISTER_BYTES, type Registers } from "./registers.ts";

/** How the module comes to answer. */
export type ConfigurationAccess =
  /** Its pins M1 = 1, M0 = 0 hold it in configuration mode: it does not send or receive. */
  | "by-pins"
  /** It is transparent, and switches by a command where bit 4 of REG1 allows it. */
  | "by-command";

const READ_ALL = Uint8Array.of(0xc1, 0, REGISTER_BYTES);
/** `C2`: until the power is off, which spares the module's flash. */
const WRITE = 0xc2;
const ANSWER = 0xc1;
const SWITCH_HEAD = [0xc0, 0xc1, 0xc2, 0xc3, 0x02] as const;
const SWITCHED_HEAD = [0xc1, 0xc2, 0xc3, 0x02] as const;
const CONFIGURATION = 2;
const TRANSPARENT = 0;

/** The module takes a command for one when the line is silent behind it; at 9600 Bd an answer takes 15 ms. */
const ANSWER_MS = 500;
/** Switching takes the module some time, in which AUX would be low. */
const SWITCH_MS = 600;
const MAX_HELD = 64;

interface Expected {
  head: readonly number[];
  length: number;
  done: (answer: Uint8Array | undefined) => void;
}

export interface ConfigurationOptions {
  timers: Timers;
  write: (bytes: Uint8Array) => void;
}

/**
 * Reads and sets registers over the serial line. Where the module is transparent and its software switch is off, all of
 * this goes on the air as data, and nobody answers: asked for rarely.
 */
export class Configuration {
  private held = new Uint8Array(0);
  private expected: Expected | undefined;
  private callOff: () => void = () => {};
  private isStopped = false;

  constructor(private readonly options: ConfigurationOptions) {}

  /** Whether an answer is waited for: what comes is not data from the air. */
  get isBusy(): boolean {
    return this.expected !== undefined;
  }

  receive(bytes: Uint8Array): void {
    const { expected } = this;
    if (!expected) return;
    this.held = new Uint8Array(Buffer.concat([this.held, bytes])).slice(-MAX_HELD);
    const at = Buffer.from(this.held).indexOf(Uint8Array.from(expected.head));
    if (at < 0 || this.held.length < at + expected.length) return;
    this.end(this.held.slice(at, at + expected.length));
  }

  /** Nobody answers any more: neither what was asked nor what is asked from now on. */
  stop(): void {
    this.isStopped = true;
    this.end(undefined);
  }

  /** @param done with undefined when nobody answers */
  ask(done: (found: { registers: Registers; access: ConfigurationAccess } | undefined) => void): void {
    this.read((byPins) => {
      if (byPins) {
        done({ registers: byPins, access: "by-pins" });
        return;
      }
      this.inConfiguration<Registers>(
        (next) => this.read(next),
        (registers) => done(registers && { registers, access: "by-command" }),
      );
    });
  }

  /** Whether the module is in configuration mode now. */
  isConfiguring(done: (isSo: boolean) => void): void {
    this.read((registers) => done(registers !== undefined));
  }

  /** @param done with what the module then has, or undefined when it does not answer */
  set(
    registers: Registers,
    access: ConfigurationAccess,
    done: (registers: Registers | undefined) => void,
  ): void {
    const write = (next: (registers: Registers | undefined) => void) => {
      const bytes = encodeRegisters(registers);
      const command = Uint8Array.of(WRITE, 0, bytes.length, ...bytes);
      this.exchange(command, [ANSWER, 0, bytes.length], 3 + bytes.length, ANSWER_MS, (answer) =>
        next(answer && decodeRegisters(answer.subarray(3))),
      );
    };
    if (access === "by-pins") write(done);
    else this.inConfiguration(write, done);
  }

  private read(done: (registers: Registers | undefined) => void): void {
    this.exchange(READ_ALL, [...READ_ALL], 3 + REGISTER_BYTES, ANSWER_MS, (answer) =>
      done(answer && decodeRegisters(answer.subarray(3))),
    );
  }

  /** Switches to configuration mode and back, whatever came of what was done there. */
  private inConfiguration<T>(
    act: (next: (result: T | undefined) => void) => void,
    done: (result: T | undefined) => void,
  ): void {
    this.switchTo(CONFIGURATION, (isSwitched) => {
      if (!isSwitched) {
        done(undefined);
        return;
      }
      act((result) => this.switchTo(TRANSPARENT, (isBack) => done(isBack ? result : undefined)));
    });
  }

  private switchTo(mode: number, done: (isSwitched: boolean) => void): void {
    const head = [...SWITCHED_HEAD, mode];
    this.exchange(Uint8Array.of(...SWITCH_HEAD, mode), head, head.length, SWITCH_MS, (answer) =>
      done(answer !== undefined),
    );
  }

  private exchange(
    command: Uint8Array,
    head: readonly number[],
    length: number,
    timeoutMs: number,
    done: Expected["done"],
  ): void {
    if (this.isStopped) {
      done(undefined);
      return;
    }
    this.held = new Uint8Array(0);
    this.expected = { head, length, done };
    this.callOff = this.options.timers.after(timeoutMs, () => this.end(undefined));
    this.options.write(command);
  }

  private end(answer: Uint8Array | undefined): void {
    const { expected } = this;
    this.callOff();
    this.expected = undefined;
    expected?.done(answer);
  }
}
