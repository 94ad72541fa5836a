/** Why a modem did not receive what another one sent. Where several hold, it is the first of them. */
export const LOSSES = [
  /** It was asleep when the last part of the preamble came. */
  "asleep",
  /** It listened on another frequency or with another modulation. */
  "tuned-elsewhere",
  /** The signal was below its sensitivity. */
  "too-weak",
  /** It was sending, or began to. */
  "half-duplex",
  /** It held on to another frame; only for receivers that do so. */
  "locked",
  /** Other signals were too strong beside this one. */
  "collision",
  /** It was configured anew, or put to sleep, while it was receiving. */
  "retuned",
  /** The sender lost its power before the end. */
  "cut-off",
  /** Lost at random, at the rate that the air was given. */
  "random",
] as const;

export type Loss = (typeof LOSSES)[number];

/** Every frame has one outcome at each other modem once it has ended; a modem that came later has none. */
export interface AirStats {
  /** Frames that were begun. */
  sent: number;
  /** All the time that they were on the air, ended or not, in ms. */
  airtimeMs: number;
  received: number;
  lost: Record<Loss, number>;
}

export const noStats = (): AirStats => ({
  sent: 0,
  airtimeMs: 0,
  received: 0,
  lost: {
    asleep: 0,
    "tuned-elsewhere": 0,
    "too-weak": 0,
    "half-duplex": 0,
    locked: 0,
    collision: 0,
    retuned: 0,
    "cut-off": 0,
    random: 0,
  },
});
