/**
 * The lines between the host and the agent in a guest (`image-build/guest/files/agent`), both ways ASCII:
 * `<number> <command> [<argument>…]`, and back `<number> ok [<value>]` or `<number> no <why>`.
 */

/** Longer lines are not sent, and of what comes they are passed over. */
export const LINE_BYTES = 4_096;
/** The agent takes ten digits at most. */
export const LAST_NUMBER = 2_147_483_647;

const NEWLINE = 0x0a;
const ANSWER = /^([1-9][0-9]{0,9}) (ok|no)(?: ([\x21-\x7e][\x20-\x7e]*))?$/;

export interface AgentRequest {
  command: "hello" | "ping" | "seed" | "time" | "dns" | "key" | "hostkey" | "ssh" | "halt";
  /** Printable ASCII without spaces. */
  arguments: readonly string[];
}

export interface AgentAnswer {
  number: number;
  ok: boolean;
  /** What was asked for, or why not; may be empty. */
  text: string;
}

/**
 * The line with its end, for the agent.
 * @throws {RangeError} when an argument would be two, or the line is too long
 */
export function encodeRequest(number: number, request: AgentRequest): Uint8Array {
  for (const argument of request.arguments)
    if (!/^[\x21-\x7e]+$/.test(argument)) throw new RangeError(`not an argument of ${request.command}`);
  const line = `${[number, request.command, ...request.arguments].join(" ")}\n`;
  if (line.length > LINE_BYTES) throw new RangeError(`${request.command} is longer than ${LINE_BYTES} bytes`);
  return new TextEncoder().encode(line);
}

/** undefined for what is not an answer. */
export function decodeAnswer(line: string): AgentAnswer | undefined {
  const [, number, verdict, text = ""] = ANSWER.exec(line) ?? [];
  return number === undefined ? undefined : { number: Number(number), ok: verdict === "ok", text };
}

/**
 * Finds answers in what a guest sends, however it is cut. A guest may send anything: no more than one line is kept, and
 * what is not an answer is passed over.
 */
export class AnswerReader {
  private readonly line = new Uint8Array(LINE_BYTES);
  private length = 0;
  private tooLong = false;

  /** @param answered called for each answer that ends in these bytes */
  take(bytes: Uint8Array, answered: (answer: AgentAnswer) => void): void {
    let from = 0;
    while (from < bytes.length) {
      const newline = bytes.indexOf(NEWLINE, from);
      const end = newline === -1 ? bytes.length : newline;
      this.keep(bytes.subarray(from, end));
      if (newline === -1) return;
      const answer = this.tooLong ? undefined : decodeAnswer(ascii(this.line.subarray(0, this.length)));
      this.length = 0;
      this.tooLong = false;
      if (answer !== undefined) answered(answer);
      from = end + 1;
    }
  }

  private keep(piece: Uint8Array): void {
    if (this.length + piece.length > this.line.length) this.tooLong = true;
    if (this.tooLong) return;
    this.line.set(piece, this.length);
    this.length += piece.length;
  }
}

/** Bytes above 127 become characters that no answer has. */
function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
