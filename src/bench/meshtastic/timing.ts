import { symbolMs } from "../../lora/airtime/time-on-air.ts";
import type { Modulation } from "../../lora/modulation.ts";

/** Sizes of the contention window, as powers of two (RadioInterface.h, CWmin and CWmax). */
const SMALLEST = 3;
const LARGEST = 8;
/** Between these the window grows with the signal: who is far repeats first. */
const SNR_RANGE = [-20, 10] as const;
/** Propagation over 30 km, turning around, and the firmware's own time. */
const SLOT_OVERHEAD_MS = 0.2 + 0.4 + 7;
/** Channel activity detection takes two symbols and a half. */
const SLOT_SYMBOLS = 2.5;
/** What it takes to answer, and to make a packet, by the firmware's own measure. */
const PROCESSING_MS = 4_500;

/** Whole numbers, as the firmware's `map` has them. */
const spread = (value: number, [from, to]: readonly [number, number]): number =>
  Math.trunc(((Math.trunc(value) - from) * (LARGEST - SMALLEST)) / (to - from)) + SMALLEST;

export const slotMs = (modulation: Modulation): number =>
  Math.trunc(SLOT_SYMBOLS * symbolMs(modulation) + SLOT_OVERHEAD_MS);

const windowByUse = (usePercent: number): number => spread(usePercent, [0, 100]);

const draw = (random: () => number, slots: number): number => Math.floor(random() * slots);

/** How long a packet of one's own waits before the channel is looked at. @param usePercent of the channel, 0 to 100 */
export const ownDelayMs = (modulation: Modulation, usePercent: number, random: () => number): number =>
  draw(random, 2 ** windowByUse(usePercent)) * slotMs(modulation);

/** How long a packet that is repeated waits: behind all routers, and longer the better it was heard. */
export const repeatDelayMs = (modulation: Modulation, snrDb: number, random: () => number): number =>
  (2 * LARGEST + draw(random, 2 ** spread(snrDb, SNR_RANGE))) * slotMs(modulation);

/** How long an acknowledgement is awaited before the packet is sent again. @param airtimeMs of the packet */
export const retransmissionMs = (modulation: Modulation, airtimeMs: number, usePercent: number): number =>
  2 * airtimeMs +
  (2 ** windowByUse(usePercent) + 2 * LARGEST + 2 ** Math.trunc((LARGEST + SMALLEST) / 2)) *
    slotMs(modulation) +
  PROCESSING_MS;
