/** A source of 0 ≤ x < 1, as Math.random is one. */
export type Random = () => number;

/**
 * xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021): small, fast, and good
 * enough for any simulation. Not for secrets.
 * @param state four 32-bit numbers, not all 0
 * @returns 32 random bits at each call
 */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const bits = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return bits;
  };
}

const rotated = (bits: number, by: number): number => (bits << by) | (bits >>> (32 - by));

/**
 * The same seed gives the same numbers, on every machine.
 * @param seed any integer that a number holds exactly
 */
export function seededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed: ${seed} is not an integer`);
  const scrambled = scrambler(mixed(seed | 0) ^ Math.floor(seed / 2 ** 32));
  const next = xoshiro128([scrambled(), scrambled(), scrambled(), scrambled()]);
  return () => next() / 2 ** 32;
}

/** A Weyl sequence put through {@link mixed}, as SplitMix does: no seed leads to the all-zero state. */
function scrambler(start: number): () => number {
  let at = start;
  return () => {
    at = (at + 0x9e3779b9) | 0;
    return mixed(at);
  };
}

/** Every bit of the result depends on every bit of `bits` (the finalizer of MurmurHash3). */
function mixed(bits: number): number {
  let hash = bits;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A seed of its own for everything that has a name (FNV-1a over UTF-16). */
export function seedOf(seed: number, name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return seededRandom(seed)() * 2 ** 32 + (hash >>> 0) * 2 ** 20;
}

/** Normally distributed with mean 0 and deviation 1 (Box and Muller 1958). */
export function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Exponentially distributed: the waits between events that come at random, `mean` apart on average. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random());
}
