import { close, constants, open } from "node:fs";
import { promisify } from "node:util";
import { BindingError, codeOf } from "./binding-error.ts";
import type { BindingInterface } from "./bindings-interface.ts";
import { isObject, Line } from "./line.ts";
import { flushLine, lockLine, setLowLatency, unlockLine } from "./line-control.ts";
import { setLine } from "./line-settings.ts";
import { type LineInfo, listLines } from "./list.ts";
import { completed, type LineOpenOptions } from "./open-options.ts";

// On a pool of threads: opening talks to the adapter, and one that hangs takes seconds to say so.
const openAsync = promisify(open);
const closeAsync = promisify(close);

/**
 * Serial lines for `@serialport/stream` under Bun, without native code of its own: libc through bun:ffi. For Linux on
 * arm64 and x86-64.
 *
 * @example new SerialPortStream({ binding: linuxBinding, path: "/dev/ttyUSB0", baudRate: 115_200 })
 */
export const linuxBinding: BindingInterface<Line, LineOpenOptions, LineInfo> = {
  list: () => listLines(),

  /**
   * @throws {TypeError} options that are none
   * @throws {RangeError} names the setting that no line has, or that this one cannot be set to
   * @throws {BindingError} with the error of the operating system as its cause
   */
  async open(options) {
    if (!isObject(options)) throw new TypeError('"options" is not an object');
    if (!options.path) throw new TypeError('"path" is not a valid port');
    if (!options.baudRate) throw new TypeError('"baudRate" is not a valid baudRate');
    const all = completed(options);
    const descriptor = await openLine(all.path);
    try {
      setUp(descriptor, all);
      return new Line(descriptor, all);
    } catch (error) {
      await closeAsync(descriptor);
      throw error instanceof RangeError ? error : cannotOpen(all.path, error);
    }
  },
};

async function openLine(path: string): Promise<number> {
  // O_NONBLOCK: without it open(2) waits for a carrier. Bun adds O_CLOEXEC.
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  return openAsync(path, O_RDWR | O_NOCTTY | O_NONBLOCK).catch((error) => {
    throw cannotOpen(path, error);
  });
}

function setUp(descriptor: number, options: Required<LineOpenOptions>): void {
  // Before anything is changed: another program may be talking.
  if (options.lock) lockLine(descriptor);
  try {
    setLine(descriptor, options);
    if (options.lowLatency) tryLowLatency(descriptor);
    // It came at whatever rate was set before.
    flushLine(descriptor, "input");
  } catch (error) {
    if (options.lock) unlockLine(descriptor);
    throw error;
  }
}

/** Only some drivers have it, and some want CAP_SYS_ADMIN: a line is as good without. */
function tryLowLatency(descriptor: number): void {
  try {
    setLowLatency(descriptor);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such device",
  ENODEV: "no such device",
  ENXIO: "no such device",
  EIO: "unplugged or hung up",
  EACCES: "no permission; is the user in the device's group (dialout)?",
  EPERM: "no permission",
  EBUSY: "in use by another program",
  EAGAIN: "in use by another program",
  ENOTTY: "not a serial line",
  EISDIR: "not a serial line",
};

function cannotOpen(path: string, error: unknown): BindingError {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const reason = REASONS[code ?? ""];
  return new BindingError(
    path,
    `cannot be opened: ${reason === undefined ? message : `${reason} (${code})`}`,
    {
      cause: error,
      disconnected: code === "EIO",
    },
  );
}
