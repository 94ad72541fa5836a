// Runs as it is in browsers of before 2015, which know neither arrows nor let, nor templates.
// biome-ignore-all lint/suspicious/noVar: see above.
// biome-ignore-all lint/complexity/useArrowFunction: see above.
// biome-ignore-all lint/style/useExponentiationOperator: see above.
// biome-ignore-all lint/style/useTemplate: see above.

/** Parts of one piece of work: many small ones take much the same time on every try, where one large one is a matter of luck. */
export var WORK_PARTS = 16;

/** Words of a challenge; the second is how many tries each part takes on average. See `work-challenges.ts`. */
var CHALLENGE_WORDS = 8;
var TRIES_WORD = 1;
/** Bits of a challenge and two more words, as SHA-256 ends its only block with. */
var MESSAGE_BITS = 320;

/** The first 32 bits of the fractions of roots of the first primes (FIPS 180-4, sections 4.2.2 and 5.3.3). */
var ROUND = new Int32Array(64);
var START = new Int32Array(8);
var SCHEDULE = new Int32Array(64);
var found = 0;
var prime: number;
for (prime = 2; found < 64; prime++) {
  if (!isPrime(prime)) continue;
  if (found < 8) START[found] = fractionOf(Math.sqrt(prime));
  ROUND[found++] = fractionOf(Math.pow(prime, 1 / 3));
}

function isPrime(number: number): boolean {
  var divisor: number;
  for (divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

function fractionOf(root: number): number {
  return ((root - Math.floor(root)) * 4294967296) | 0;
}

/** The words of a challenge in hex. */
export function wordsOfChallenge(challenge: string): number[] {
  var words: number[] = [];
  var at: number;
  for (at = 0; at < CHALLENGE_WORDS; at++)
    words.push(parseInt(challenge.substring(at * 8, at * 8 + 8), 16) | 0);
  return words;
}

/** First word of the SHA-256 of a challenge, the part's number and a guess, without sign. */
export function firstWord(challenge: number[], part: number, guess: number): number {
  var w = SCHEDULE;
  var i: number;
  var x: number;
  var y: number;
  for (i = 0; i < CHALLENGE_WORDS; i++) w[i] = challenge[i] as number;
  w[8] = part;
  w[9] = guess;
  w[10] = 0x80000000 | 0;
  w[11] = w[12] = w[13] = w[14] = 0;
  w[15] = MESSAGE_BITS;
  for (i = 16; i < 64; i++) {
    x = w[i - 15] as number;
    y = w[i - 2] as number;
    w[i] =
      ((w[i - 16] as number) +
        (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
        (w[i - 7] as number) +
        (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) |
      0;
  }
  var a = START[0] as number;
  var b = START[1] as number;
  var c = START[2] as number;
  var d = START[3] as number;
  var e = START[4] as number;
  var f = START[5] as number;
  var g = START[6] as number;
  var h = START[7] as number;
  for (i = 0; i < 64; i++) {
    x =
      (h +
        (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) +
        ((e & f) ^ (~e & g)) +
        (ROUND[i] as number) +
        (w[i] as number)) |
      0;
    y =
      ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) +
        ((a & b) ^ (a & c) ^ (b & c))) |
      0;
    h = g;
    g = f;
    f = e;
    e = (d + x) | 0;
    d = c;
    c = b;
    b = a;
    a = (x + y) | 0;
  }
  return (a + (START[0] as number)) >>> 0;
}

/** Looks for the guess of one part among `count` of them. @returns it, or -1 */
export function guessOf(challenge: number[], part: number, from: number, count: number): number {
  var most = 4294967296 / ((challenge[TRIES_WORD] as number) >>> 0);
  var guess: number;
  for (guess = from; guess < from + count; guess++)
    if (firstWord(challenge, part, guess) < most) return guess;
  return -1;
}

/** How long it works before it lets the page do something else, and how many guesses lie between two looks at the clock. */
var SLICE_MS = 25;
var GUESSES = 256;

/**
 * Solves a challenge bit by bit, so that the page goes on.
 * @param solved told the solution, as the box wants it
 * @param done told the part of the work that is done, from 0 to 1
 */
export function solveWork(
  challenge: string,
  solved: (solution: string) => void,
  done?: (share: number) => void,
): void {
  var words = wordsOfChallenge(challenge);
  var guesses = "";
  var part = 0;
  var from = 0;
  function slice() {
    var endMs = Date.now() + SLICE_MS;
    var guess: number;
    while (part < WORK_PARTS && Date.now() < endMs) {
      guess = guessOf(words, part, from, GUESSES);
      from += GUESSES;
      if (guess < 0) continue;
      guesses += ("0000000" + guess.toString(16)).slice(-8);
      part++;
      from = 0;
    }
    if (done) done(part / WORK_PARTS);
    if (part < WORK_PARTS) setTimeout(slice, 0);
    else solved(challenge + "." + guesses);
  }
  slice();
}
