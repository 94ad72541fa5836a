import type { OpenOptions } from "./bindings-interface.ts";

/** How a line is opened. */
export interface LineOpenOptions extends OpenOptions {
  /**
   * Has bytes handed on as they come where the driver would gather them (`setserial low_latency`); default false. It
   * stays set after closing.
   */
  lowLatency?: boolean;
}

/**
 * What is not given. Unlike in serialport's own binding, closing does not drop DTR (`hupcl`): on ESP32 boards that
 * resets the radio.
 */
const DEFAULTS = {
  dataBits: 8,
  lock: true,
  stopBits: 1,
  parity: "none",
  rtscts: false,
  xon: false,
  xoff: false,
  xany: false,
  hupcl: false,
  lowLatency: false,
} as const;

export function completed(options: LineOpenOptions): Required<LineOpenOptions> {
  return { ...DEFAULTS, ...options };
}
