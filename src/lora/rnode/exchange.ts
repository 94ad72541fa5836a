import type { Timers } from "../../host/timers.ts";
import { RadioError } from "../radio.ts";
import { type KissFrame, kissFrame } from "./kiss.ts";

export interface Question {
  /** What is asked, for the error. */
  about: string;
  frame: KissFrame;
  isAnswer: (frame: KissFrame) => boolean;
  timeoutMs: number;
  /** Asked again so many times before it is given up; default 2. */
  repeats?: number;
}

interface Asked {
  question: Question;
  left: number;
  resolve: (frame: KissFrame) => void;
  reject: (error: RadioError) => void;
}

/**
 * Questions to the firmware, one at a time, each asked again when there is no answer: a frame either way may be lost
 * while the firmware starts.
 */
export class Exchange {
  private asked: Asked | undefined;
  private stopTimer: () => void = () => {};
  private closed: RadioError | undefined;

  constructor(
    private readonly timers: Timers,
    private readonly write: (bytes: Uint8Array) => void,
  ) {}

  /** @throws {RadioError} `no-answer` after all repeats, or that of {@link fail} or {@link close} */
  ask(question: Question): Promise<KissFrame> {
    return new Promise((resolve, reject) => {
      if (this.closed) throw this.closed;
      if (this.asked)
        throw new Error(`${question.about}: asked before ${this.asked.question.about} is answered`);
      this.asked = { question, left: question.repeats ?? 2, resolve, reject };
      this.send(this.asked);
    });
  }

  /** @returns whether the frame was the answer that is waited for */
  take(frame: KissFrame): boolean {
    const { asked } = this;
    if (!asked?.question.isAnswer(frame)) return false;
    this.done();
    asked.resolve(frame);
    return true;
  }

  /** What is asked now will get no answer. */
  fail(error: RadioError): void {
    const { asked } = this;
    this.done();
    asked?.reject(error);
  }

  /** What is asked now or later will get no answer. */
  close(error: RadioError): void {
    this.closed ??= error;
    this.fail(error);
  }

  private send(asked: Asked): void {
    const { frame, timeoutMs, about } = asked.question;
    this.write(kissFrame(frame.command, frame.payload));
    this.stopTimer = this.timers.after(timeoutMs, () => {
      if (asked.left > 0) {
        asked.left -= 1;
        this.send(asked);
      } else {
        this.fail(new RadioError("no-answer", `${about}: the radio does not answer`));
      }
    });
  }

  private done(): void {
    this.stopTimer();
    this.asked = undefined;
  }
}
