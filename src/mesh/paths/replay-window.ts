const BITS_A_WORD = 32;

/**
 * Remembers which numbers were there, as far back as its size: a bitmap used in a circle, so that nothing is shifted
 * (RFC 6479). Numbers may come in any order; what is older than the window counts as seen.
 */
export class ReplayWindow {
  private readonly words: Uint32Array;
  /** The largest number seen, + 1. */
  private next = 0;

  /** @param size how far back it remembers at least; a multiple of 32 */
  constructor(readonly size = 2_048) {
    if (size <= 0 || size % BITS_A_WORD !== 0) throw new RangeError(`size: ${size} is no multiple of 32`);
    // One word more, since the newest is only used in part.
    this.words = new Uint32Array(size / BITS_A_WORD + 1);
  }

  /** Whether `number` would be new. Asked before it is known to be genuine: changes nothing. */
  isNew(number: number): boolean {
    if (number >= this.next) return true;
    if (number < this.next - this.size) return false;
    return (this.wordOf(number) & bitOf(number)) === 0;
  }

  /** Marks it as seen. @returns whether it was new */
  add(number: number): boolean {
    if (!this.isNew(number)) return false;
    if (number >= this.next) this.advanceTo(number);
    const at = this.indexOf(number);
    this.words[at] = (this.words[at] ?? 0) | bitOf(number);
    return true;
  }

  private advanceTo(number: number): void {
    const from = Math.floor((this.next - 1) / BITS_A_WORD);
    const to = Math.floor(number / BITS_A_WORD);
    const fresh = Math.min(to - from, this.words.length);
    for (let word = to - fresh + 1; word <= to; word++) this.words[word % this.words.length] = 0;
    this.next = number + 1;
  }

  private indexOf(number: number): number {
    return Math.floor(number / BITS_A_WORD) % this.words.length;
  }

  private wordOf(number: number): number {
    return this.words[this.indexOf(number)] ?? 0;
  }
}

const bitOf = (number: number): number => 1 << (number % BITS_A_WORD);
