import { bitRate, symbolMs } from "../../lora/airtime/time-on-air.ts";
import type { Modulation } from "../../lora/modulation.ts";

/** From these rates on the firmware times itself otherwise, in bit/s (RNode_Firmware, Config.h and updateBitrate). */
const FAST_BPS = 30_000;
const GUARD_BPS = 14_000;

export interface RnodePhy {
  preambleSymbols: number;
  slotMs: number;
  /** Whether one turn on the channel empties the whole queue, or takes one packet. */
  emptiesQueue: boolean;
}

/** What the firmware makes of a modulation by itself. */
export function phyOf(modulation: Modulation): RnodePhy {
  const rate = bitRate(modulation);
  const perSymbolMs = symbolMs(modulation);
  const isFast = rate > FAST_BPS;
  const slotMs = Math.floor(12 * perSymbolMs);
  return {
    preambleSymbols: Math.max(18, Math.ceil((isFast ? 6 : 24) / perSymbolMs)),
    slotMs: slotMs < 24 ? (isFast ? 6 : 24) : Math.min(slotMs, 100),
    emptiesQueue: rate <= GUARD_BPS,
  };
}
