import { onFirstUse } from "../../../host/on-first-use.ts";

/**
 * The logistic function and its inverse in whole numbers, so that every machine computes the same to the last bit.
 * Probabilities are in 1/4096; the other scale is ln(p / (1 − p)) in 1/256, from −2047 to 2047.
 */
export const PROBABILITY_ONE = 4096;

const SCALE = 2048;
/** 4096 / (1 + e^−x) at x = −8, −7.5 … 8: written down, since no two engines owe the same Math.exp. */
const KNOTS = [
  1, 2, 4, 6, 10, 17, 28, 45, 74, 120, 194, 311, 488, 747, 1102, 1546, 2048, 2550, 2994, 3349, 3608, 3785,
  3902, 3976, 4022, 4051, 4068, 4079, 4086, 4090, 4092, 4094, 4095,
];
const KNOT_DISTANCE = 128;

const squashed = onFirstUse(() =>
  Int32Array.from({ length: 2 * SCALE }, (_, at) => {
    const knot = Math.floor(at / KNOT_DISTANCE);
    const part = at % KNOT_DISTANCE;
    const [low = 0, high = 0] = [KNOTS[knot], KNOTS[knot + 1]];
    return Math.floor((low * (KNOT_DISTANCE - part) + high * part + KNOT_DISTANCE / 2) / KNOT_DISTANCE);
  }),
);

const stretched = onFirstUse(() => {
  const table = new Int32Array(PROBABILITY_ONE);
  for (let logit = -SCALE + 1, from = 0; logit < SCALE; logit += 1) {
    const upTo = squash(logit);
    for (; from <= upTo; from += 1) table[from] = logit;
    if (logit === SCALE - 1) table.fill(logit, from);
  }
  return table;
});

export const clampLogit = (logit: number): number =>
  logit > SCALE - 1 ? SCALE - 1 : logit < 1 - SCALE ? 1 - SCALE : logit;

/** @param logit from −2047 to 2047 @returns 1 to 4095 */
export const squash = (logit: number): number => squashed()[logit + SCALE] ?? 0;

/** @param probability 0 to 4095 */
export const stretch = (probability: number): number => stretched()[probability] ?? 0;
