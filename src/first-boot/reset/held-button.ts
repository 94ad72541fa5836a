/** One event of the kernel's input layer (Documentation/input/input.rst, struct input_event on 64-bit machines). */
export interface KeyEvent {
  code: number;
  /** 1 pressed, 0 let go, 2 repeated. */
  value: number;
}

const EVENT_BYTES = 24;
const EV_KEY = 1;

/** The key that a reset button sends as gpio-keys of most boards declare it (include/uapi/linux/input-event-codes.h). */
export const KEY_RESTART = 0x198;

/** The keys among events as they are read from a device; a part of an event at the end is left for the next time. */
export function keyEvents(bytes: Uint8Array): { events: KeyEvent[]; rest: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: KeyEvent[] = [];
  let at = 0;
  for (; at + EVENT_BYTES <= bytes.length; at += EVENT_BYTES) {
    if (view.getUint16(at + 16, true) !== EV_KEY) continue;
    events.push({ code: view.getUint16(at + 18, true), value: view.getInt32(at + 20, true) });
  }
  return { events, rest: bytes.slice(at) };
}

/** Tells when a button has been held for so long that nobody can have done it by accident. */
export class HeldButton {
  private pressedMs: number | undefined;
  private isTold = false;

  constructor(
    private readonly code: number,
    private readonly holdMs: number,
  ) {}

  see(event: KeyEvent, nowMs: number): void {
    if (event.code !== this.code) return;
    if (event.value === 0) {
      this.pressedMs = undefined;
      this.isTold = false;
    } else {
      this.pressedMs ??= nowMs;
    }
  }

  /** How long it is still to be held, in ms; undefined while it is not held, or when it has been for long enough. */
  leftMs(nowMs: number): number | undefined {
    if (this.pressedMs === undefined || this.isTold) return undefined;
    return Math.max(0, this.pressedMs + this.holdMs - nowMs);
  }

  /** Once each time that it has been held for long enough. */
  isHeld(nowMs: number): boolean {
    if (this.leftMs(nowMs) !== 0) return false;
    this.isTold = true;
    return true;
  }
}
