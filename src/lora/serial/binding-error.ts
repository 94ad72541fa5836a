import type { BindingsErrorInterface } from "./bindings-interface.ts";
import { SystemError } from "./libc.ts";

/**
 * Why an operation on a line came to nothing, as `@serialport/stream` wants to be told: `canceled` when the line was
 * closed on purpose, anything else ends the stream.
 */
export class BindingError extends Error implements BindingsErrorInterface {
  override readonly name = "BindingError";
  /** The line was closed meanwhile. */
  readonly canceled: boolean;
  /** The device is gone: unplugged, or hung up. */
  readonly disconnected: boolean;
  constructor(
    path: string,
    detail: string,
    { canceled = false, disconnected = false, cause }: BindingErrorOptions = {},
  ) {
    super(`${path}: ${detail}`, { cause });
    this.canceled = canceled;
    this.disconnected = disconnected;
  }
}

interface BindingErrorOptions {
  canceled?: boolean;
  disconnected?: boolean;
  cause?: unknown;
}

export const canceled = (path: string): BindingError => new BindingError(path, "closed", { canceled: true });

export const hungUp = (path: string, cause?: unknown): BindingError =>
  new BindingError(path, "unplugged or hung up", { disconnected: true, cause });

/** What the kernel says on a line whose device is gone (tty_io.c, hung_up_tty_fops; usb-serial.c). */
const GONE = new Set(["EIO", "ENXIO", "ENODEV", "EPIPE", "ESHUTDOWN", "EBADF"]);

/** An error of the operating system, put in terms of what has become of the line. */
export function lineError(path: string, error: unknown): BindingError {
  if (error instanceof BindingError) return error;
  if (GONE.has(codeOf(error) ?? "")) return hungUp(path, error);
  return new BindingError(path, error instanceof Error ? error.message : String(error), { cause: error });
}

/** The name that errno(3) gives an error of the operating system. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof SystemError) return error.code;
  const hasCode = error instanceof Error && "code" in error;
  return hasCode && typeof error.code === "string" ? error.code : undefined;
}
