import type { EventEmitter } from "node:events";

/** Why a port is open no more. */
export interface PortClosed {
  /** `asked`: by {@link Port.close}; `gone`: unplugged or hung up; `failed`: an error of the operating system. */
  reason: "asked" | "gone" | "failed";
  detail: string;
}

export interface PortEvents {
  /** Bytes as they come, in pieces of any size. */
  data: [bytes: Uint8Array];
  /** Once, and nothing after it. */
  closed: [closed: PortClosed];
}

/** A byte stream to a radio, open from the start: a serial line, or TCP. */
export interface Port extends EventEmitter<PortEvents> {
  /** What an operator knows it by: `/dev/ttyUSB0`, `tcp://192.0.2.1:4403`. */
  readonly name: string;
  /** Kept when the operating system has taken all bytes. Calls are written in their order. @throws {PortError} */
  write(bytes: Uint8Array): Promise<void>;
  /** May be called again. */
  close(): Promise<void>;
}

/** A port could not be opened or written. */
export class PortError extends Error {
  override readonly name = "PortError";
  constructor(
    readonly port: string,
    detail: string,
  ) {
    super(`${port}: ${detail}`);
  }
}
