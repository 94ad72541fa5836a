import { RadioError } from "../radio.ts";

/** What the number in `+ERR=` says (REYAX AT command guide for RYLR998 and RYLR498, 23 October 2023). */
const TEXTS: Readonly<Record<number, string>> = {
  1: "the command has no line end",
  2: "the command does not begin with AT",
  4: "it does not know this command",
  5: "the data has another length than was said",
  10: "it could not send in time",
  12: "CRC error",
  13: "more than 240 bytes",
  14: "it cannot write its memory",
  15: "unknown failure",
  17: "it is still sending",
  18: "this preamble is not allowed",
  19: "a packet was received with a broken header",
  20: "this time is not allowed",
};

export const BUSY = 17;
/** Told unasked, of a packet from the air. */
export const BROKEN_PACKET_ERRORS: readonly number[] = [12, 19];

/** The module answered by an error. */
export class ModuleError extends Error {
  override readonly name = "ModuleError";
  constructor(
    command: string,
    readonly code: number,
  ) {
    super(`${command}: ${TEXTS[code] ?? `error ${code}`}`);
  }
}

export const asRadioError = (error: ModuleError | RadioError): RadioError =>
  error instanceof RadioError ? error : new RadioError("refused", error.message);
