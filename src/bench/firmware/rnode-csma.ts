import type { Timers } from "../../host/timers.ts";

/** How often the firmware looks at the channel while it has something to send. */
const LOOK_MS = 3;
const WINDOWS_PER_BAND = 15;
const BANDS = 4;
/** Own airtime, in percent, up to which the first band holds, and from which the last one does. */
const FIRST_BAND_PERCENT = 7;
const LAST_BAND_PERCENT = 85;

export interface ContentionWindow {
  /** 1 to 4: the more the firmware has sent, the longer it may have to wait. */
  band: number;
  firstSlot: number;
  lastSlot: number;
}

/** @param ownShare of the last 15 s */
export function contentionWindow(ownShare: number): ContentionWindow {
  const percent = Math.floor(ownShare * 100);
  const span = LAST_BAND_PERCENT - FIRST_BAND_PERCENT;
  const band =
    percent <= FIRST_BAND_PERCENT ? 1 : Math.min(BANDS, Math.floor((percent * (BANDS - 2)) / span) + 2);
  return { band, firstSlot: (band - 1) * WINDOWS_PER_BAND, lastSlot: band * WINDOWS_PER_BAND - 1 };
}

export interface CsmaOptions {
  timers: Timers;
  random: () => number;
  isFree: () => boolean;
  slotMs: () => number;
  window: () => ContentionWindow;
}

/**
 * The firmware's way to the channel: it must be free for two slots, then a random number of slots is counted down, in
 * pieces when others send in between (RNode_Firmware, tx_queue_handler).
 */
export class RnodeCsma {
  private stopLooking: (() => void) | undefined;

  constructor(private readonly options: CsmaOptions) {}

  /** Calls `go` once when it may send. Asked again before that, it changes nothing. */
  contend(go: () => void): void {
    if (this.stopLooking) return;
    const { timers, random, isFree, slotMs, window } = this.options;
    const { firstSlot, lastSlot } = window();
    let leftMs = (firstSlot + Math.floor(random() * (lastSlot - firstSlot))) * slotMs();
    let freeMs = 0;
    let looks = 0;
    const look = () => {
      if (!isFree()) freeMs = 0;
      else if (looks > 0 && freeMs < 2 * slotMs()) freeMs += LOOK_MS;
      else if (looks > 0) leftMs -= LOOK_MS;
      looks += 1;
      if (leftMs <= 0 && freeMs >= 2 * slotMs()) {
        this.stopLooking = undefined;
        go();
        return;
      }
      this.stopLooking = timers.after(LOOK_MS, look);
    };
    this.stopLooking = timers.after(0, look);
  }

  stop(): void {
    this.stopLooking?.();
    this.stopLooking = undefined;
  }
}
