/** A match is looked for by the hash of so many bytes. */
const HASHED_BYTES = 5;
const HASH_BITS = 16;
/** Longer ones count as this long. */
const LONGEST = 63;
/** A shorter one is a coincidence of hashes. */
const SHORTEST = 3;

/**
 * The longest earlier place that ended as the text ends now, and the byte that came after it (as in Lempel-Ziv, but
 * only as advice). The places of the dictionary stay; those of a text are forgotten by {@link rewind}.
 */
export class MatchFinder {
  private readonly bytes: Uint8Array;
  private readonly languages: Uint8Array;
  private readonly places = new Int32Array(1 << HASH_BITS);
  private readonly changed: number[] = [];
  private end = 0;
  private start = 0;
  private at = 0;
  /** Of the match that there is; 0: none. */
  length = 0;

  /** @param capacity bytes of the dictionary and of the longest text together */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.languages = new Uint8Array(capacity);
  }

  /** The byte that came after the match. */
  get predicted(): number {
    return this.bytes[this.at] ?? 0;
  }

  /** Of the dictionary's text that the match lies in; 0 when it lies elsewhere. */
  get language(): number {
    return this.length > SHORTEST ? (this.languages[this.at] ?? 0) : 0;
  }

  /** Whether there is room for one byte more. */
  get hasRoom(): boolean {
    return this.end < this.bytes.length;
  }

  add(byte: number, language: number): void {
    this.bytes[this.end] = byte;
    this.languages[this.end] = language;
    this.end += 1;
    if (this.length > 0) {
      this.at += 1;
      this.length = Math.min(LONGEST, this.length + 1);
    }
    const hash = this.hash();
    if (this.length === 0) this.find(this.places[hash] ?? 0);
    if (this.start > 0) this.changed.push(hash, this.places[hash] ?? 0);
    this.places[hash] = this.end;
  }

  /** What the match said was wrong, or the text ended. */
  drop(): void {
    this.length = 0;
  }

  /** What was added until now is the dictionary. */
  keep(): void {
    this.start = this.end;
  }

  /** Forgets all that came after the dictionary. */
  rewind(): void {
    for (let at = this.changed.length - 2; at >= 0; at -= 2) {
      this.places[this.changed[at] ?? 0] = this.changed[at + 1] ?? 0;
    }
    this.changed.length = 0;
    this.end = this.start;
    this.length = 0;
  }

  private hash(): number {
    let hash = 0;
    for (let back = 1; back <= HASHED_BYTES; back += 1) {
      hash = (Math.imul(hash ^ (this.bytes[this.end - back] ?? 0), 0x2c9277b5) + back) | 0;
    }
    return hash >>> (32 - HASH_BITS);
  }

  private find(place: number): void {
    let length = 0;
    while (
      length < LONGEST &&
      length < place &&
      this.bytes[place - 1 - length] === this.bytes[this.end - 1 - length]
    )
      length += 1;
    if (length < SHORTEST) return;
    this.at = place;
    this.length = length;
  }
}
