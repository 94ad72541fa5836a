import { BIT_HISTORIES, firstGuess, followedBy } from "./bit-history.ts";
import { clampLogit, PROBABILITY_ONE, squash, stretch } from "./logistic.ts";
import { MatchFinder } from "./match-finder.ts";
import { CONTEXTS, TextContext } from "./text-context.ts";

/** Ends a text; inside of one it is escaped by whoever encodes. */
export const END_OF_TEXT = 0;

export interface DictionaryText {
  /** From 1; 0: none in particular. */
  language: number;
  bytes: Uint8Array;
}

/** Cells of all contexts together: a check of 8 bits and a history of 8. */
const CELL_BITS = 22;
/** The contexts that tell, by how many of them are known, how far to trust the long ones. */
const ORDERED = { from: 2, to: 5 } as const;
const MATCH_LENGTHS = 17;
/** One for each context, the match, and one that is always the same. */
const INPUTS = CONTEXTS + 2;
const WEIGHT_ONE = 65_536;
const LEARNING_RATE = { ofDictionary: 14, ofText: 6 } as const;
const MOST_TOLD = 250;
const BYTE_VALUES = 256;
const KNOWN_SETS = 20;
const MATCH_RATE_BITS = 6;
const REFINE_RATE_BITS = 6;
const REFINE_STEPS = 33;
const REFINE_CONTEXTS = 1024;
const CERTAIN = 65_535;

/**
 * Predicts a text bit by bit: what came after the same characters, words and phrases in the dictionary and in the text so
 * far, weighed by a mixer that learns whom to trust (logistic mixing, Mahoney, "Adaptive weighing of context models for
 * lossless data compression", 2005). All in whole numbers. After every text it is as it was after the dictionary.
 */
export class TextModel {
  private readonly cells = new Uint16Array(1 << CELL_BITS);
  /** What a 1 is worth after each history, in each context, in 1/65536; and how often that was told. */
  private readonly worth = new Uint16Array(CONTEXTS * BIT_HISTORIES);
  private readonly told = new Uint8Array(CONTEXTS * BIT_HISTORIES);
  private readonly matchWorth = new Uint16Array(MATCH_LENGTHS * 2);
  private readonly weights = {
    byKnown: new Int32Array(KNOWN_SETS * INPUTS).fill(WEIGHT_ONE / 4),
    byBits: new Int32Array(4 * BYTE_VALUES * INPUTS).fill(WEIGHT_ONE / 4),
    byLast: new Int32Array(BYTE_VALUES * INPUTS).fill(WEIGHT_ONE / 4),
  };
  private readonly refined = new Uint16Array(REFINE_CONTEXTS * REFINE_STEPS);
  private readonly kept: {
    of: Uint8Array | Uint16Array | Int32Array;
    as: Uint8Array | Uint16Array | Int32Array;
  }[];
  private readonly changedCells: number[] = [];
  private readonly context = new TextContext();
  private readonly matches: MatchFinder;

  private readonly cellAt = new Int32Array(CONTEXTS);
  private readonly inputs = new Int32Array(INPUTS);
  private readonly sets = { known: 0, bits: 0, last: 0 };
  private readonly said = { known: 0, bits: 0, last: 0 };
  private matchAt = -1;
  private refineAt = 0;
  /** The bits of the current byte so far, after a leading 1. */
  private bits = 1;
  private rate: number = LEARNING_RATE.ofDictionary;
  private learnsDictionary = true;
  /** That the next bit is 1, in 1/4096: 1 to 4095. */
  probability = PROBABILITY_ONE / 2;

  /** @param longest bytes of the longest text, its end included */
  constructor(dictionary: readonly DictionaryText[], longest: number) {
    const total = dictionary.reduce((sum, { bytes }) => sum + bytes.length + 1, 0);
    this.matches = new MatchFinder(total + longest);
    for (let at = 0; at < this.worth.length; at += 1) this.worth[at] = firstGuess(at % BIT_HISTORIES);
    for (let length = 0; length < MATCH_LENGTHS; length += 1) {
      this.matchWorth[length * 2 + 1] = CERTAIN / 2 + length * 1_500;
      this.matchWorth[length * 2] = CERTAIN / 2 - length * 1_500;
    }
    for (let at = 0; at < this.refined.length; at += 1) {
      this.refined[at] = squash(clampLogit(((at % REFINE_STEPS) - 16) * 128)) * 16;
    }
    this.predict();
    for (const text of dictionary) this.learn(text);
    this.learnsDictionary = false;
    this.rate = LEARNING_RATE.ofText;
    this.matches.keep();
    const small = [this.worth, this.told, this.matchWorth, this.refined, ...Object.values(this.weights)];
    this.kept = small.map((array) => ({ of: array, as: array.slice() }));
    this.restart();
  }

  /** Back to where the dictionary ended. */
  restart(): void {
    for (const { of, as } of this.kept) of.set(as);
    for (let at = this.changedCells.length - 2; at >= 0; at -= 2) {
      this.cells[this.changedCells[at] ?? 0] = this.changedCells[at + 1] ?? 0;
    }
    this.changedCells.length = 0;
    this.matches.rewind();
    this.context.language = 0;
    this.context.reset();
    this.bits = 1;
    this.predict();
  }

  /** @param bit what the next bit is; then {@link probability} is about the one after it */
  update(bit: number): void {
    this.learnWeights(bit);
    const { cells, cellAt, worth, told } = this;
    for (let context = 0; context < CONTEXTS; context += 1) {
      const at = cellAt[context] ?? 0;
      const cell = cells[at] ?? 0;
      const history = cell & 0xff;
      if (history !== 0) {
        const row = context * BIT_HISTORIES + history;
        const times = told[row] ?? 0;
        const was = worth[row] ?? 0;
        worth[row] = was + Math.trunc(((bit * CERTAIN - was) * 2) / (times * 2 + 3));
        if (times < MOST_TOLD) told[row] = times + 1;
      }
      if (!this.learnsDictionary) this.changedCells.push(at, cell);
      cells[at] = (cell & 0xff00) | followedBy(history, bit);
    }
    if (this.matchAt >= 0) {
      nudge(this.matchWorth, this.matchAt, bit, MATCH_RATE_BITS);
      if ((this.matchAt & 1) !== bit) this.matches.drop();
    }
    nudge(this.refined, this.refineAt, bit, REFINE_RATE_BITS);
    this.bits = (this.bits << 1) | bit;
    if (this.bits >= BYTE_VALUES) this.endByte(this.bits & 0xff);
    this.predict();
  }

  private learn({ language, bytes }: DictionaryText): void {
    this.context.language = language;
    this.context.reset();
    this.predict();
    for (const byte of bytes) this.learnByte(byte);
    this.learnByte(END_OF_TEXT);
  }

  private learnByte(byte: number): void {
    for (let shift = 7; shift >= 0; shift -= 1) this.update((byte >> shift) & 1);
  }

  private endByte(byte: number): void {
    const { context, matches } = this;
    this.bits = 1;
    if (matches.hasRoom) matches.add(byte, context.language);
    if (byte === END_OF_TEXT) {
      matches.drop();
      context.reset();
      return;
    }
    if (!this.learnsDictionary && matches.language !== 0) context.language = matches.language;
    context.add(byte);
  }

  private learnWeights(bit: number): void {
    const { weights, sets, said, inputs, rate } = this;
    const target = bit * PROBABILITY_ONE;
    const known = (target - said.known) * rate;
    const bits = (target - said.bits) * rate;
    const last = (target - said.last) * rate;
    for (let input = 0; input < INPUTS; input += 1) {
      const value = inputs[input] ?? 0;
      if (value === 0) continue;
      adjust(weights.byKnown, sets.known + input, value * known);
      adjust(weights.byBits, sets.bits + input, value * bits);
      adjust(weights.byLast, sets.last + input, value * last);
    }
  }

  private predict(): void {
    const { sets, said, weights, context, matches } = this;
    const known = this.gather();
    const length = matches.length;
    sets.known = (known * 4 + (length === 0 ? 0 : length < 8 ? 1 : length < 16 ? 2 : 3)) * INPUTS;
    sets.bits = (Math.min(3, context.bytesIn) * BYTE_VALUES + this.bits) * INPUTS;
    sets.last = context.lastByte * INPUTS;
    const byKnown = this.dot(weights.byKnown, sets.known);
    const byBits = this.dot(weights.byBits, sets.bits);
    const byLast = this.dot(weights.byLast, sets.last);
    said.known = squash(byKnown);
    said.bits = squash(byBits);
    said.last = squash(byLast);
    const logit = Math.trunc((byKnown * 2 + byBits + byLast) / 4);
    this.probability = Math.min(PROBABILITY_ONE - 1, Math.max(1, (squash(logit) + this.refine(logit)) >> 1));
  }

  /** Fills the inputs. @returns how many of the longer contexts are known */
  private gather(): number {
    const { cells, cellAt, inputs, worth } = this;
    const { hashes } = this.context;
    let known = 0;
    for (let context = 0; context < CONTEXTS; context += 1) {
      let hash = Math.imul((hashes[context] ?? 0) ^ Math.imul(this.bits, 0x3d4d51cb), 0x2545f491);
      hash = Math.imul(hash ^ (hash >>> 15), 0x5bd1e995);
      const at = hash >>> (32 - CELL_BITS);
      const check = (hash & 0xff) << 8;
      cellAt[context] = at;
      const cell = cells[at] ?? 0;
      let history = cell & 0xff;
      if ((cell & 0xff00) !== check) {
        if (!this.learnsDictionary) this.changedCells.push(at, cell);
        cells[at] = check;
        history = 0;
      }
      if (history !== 0 && context >= ORDERED.from && context <= ORDERED.to) known += 1;
      inputs[context] = history === 0 ? 0 : stretch((worth[context * BIT_HISTORIES + history] ?? 0) >> 4);
    }
    inputs[CONTEXTS] = this.askMatch();
    inputs[CONTEXTS + 1] = 256;
    return known;
  }

  private askMatch(): number {
    const { matches, bits } = this;
    this.matchAt = -1;
    if (matches.length === 0) return 0;
    const bitsSoFar = 31 - Math.clz32(bits);
    const expected = matches.predicted | BYTE_VALUES;
    if (expected >> (8 - bitsSoFar) !== bits) {
      matches.drop();
      return 0;
    }
    const bit = (expected >> (7 - bitsSoFar)) & 1;
    this.matchAt = Math.min(MATCH_LENGTHS - 1, matches.length) * 2 + bit;
    return stretch((this.matchWorth[this.matchAt] ?? 0) >> 4);
  }

  private dot(weights: Int32Array, from: number): number {
    const { inputs } = this;
    let sum = 0;
    for (let input = 0; input < INPUTS; input += 1)
      sum += (inputs[input] ?? 0) * (weights[from + input] ?? 0);
    return clampLogit(Math.trunc(sum / WEIGHT_ONE));
  }

  /** What such a prediction was worth before, between two steps of the scale. */
  private refine(logit: number): number {
    const { refined, context, bits } = this;
    const place = (logit + 2048) * 32;
    const part = place & 4095;
    const low = (bits | (Math.min(3, context.bytesIn) << 8)) * REFINE_STEPS + (place >> 12);
    this.refineAt = part >= 2048 ? low + 1 : low;
    return Math.floor(((refined[low] ?? 0) * (4096 - part) + (refined[low + 1] ?? 0) * part) / 65_536);
  }
}

function nudge(worth: Uint16Array, at: number, bit: number, rateBits: number): void {
  const was = worth[at] ?? 0;
  worth[at] = was + ((bit * CERTAIN - was) >> rateBits);
}

function adjust(weights: Int32Array, at: number, by: number): void {
  weights[at] = (weights[at] ?? 0) + ((by + 0x8000) >> 16);
}
