import { createReadStream, type ReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "../../host/timers.ts";
import { HeldButton, keyEvents } from "./held-button.ts";

const INPUT = "/dev/input";
const LOOK_EVERY_MS = 250;

export interface ButtonWatchOptions {
  /** The key that it sends. */
  code: number;
  holdMs: number;
  timers: Timers;
  /** Held for long enough. */
  held: () => void;
  /** A folder of event devices; /dev/input when absent. */
  folder?: string;
}

/**
 * Watches the buttons that are there when the box starts: soldered ones do not come later.
 * @returns a function that ends it
 */
export function watchButton({ code, holdMs, timers, held, folder = INPUT }: ButtonWatchOptions): () => void {
  const button = new HeldButton(code, holdMs);
  const streams = eventDevices(folder).map((path) => listen(path, button, timers));
  let callOff = () => {};
  const look = () => {
    if (button.isHeld(timers.monotonicMs())) held();
    callOff = timers.after(LOOK_EVERY_MS, look);
  };
  if (streams.length > 0) look();
  return () => {
    callOff();
    for (const stream of streams) stream.destroy();
  };
}

function listen(path: string, button: HeldButton, timers: Timers): ReadStream {
  const stream = createReadStream(path);
  let rest: Uint8Array = new Uint8Array(0);
  stream.on("data", (chunk) => {
    const found = keyEvents(Buffer.concat([rest, Buffer.from(chunk)]));
    rest = found.rest;
    for (const event of found.events) button.see(event, timers.monotonicMs());
  });
  // A keyboard that is pulled out.
  stream.on("error", () => stream.destroy());
  return stream;
}

function eventDevices(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^event\d+$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
