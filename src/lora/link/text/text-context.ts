/** Contexts that {@link TextContext.hashes} holds. */
export const CONTEXTS = 10;

const KEPT_CHARACTERS = 6;
/** Capital letters count as small ones in contexts, where one step does it: ASCII, Cyrillic. By UTF-8 bytes. */
const CYRILLIC_CAPITALS = { from: 0xd0_90, to: 0xd0_af } as const;

const mixed = (a: number, b: number): number => {
  const sum = a ^ (b + 0x9e3779b9 + (a << 6) + (a >>> 2));
  return Math.imul(sum, 0x2c1b3c6d) ^ (sum >>> 15);
};

function folded(character: number): number {
  if (character >= 0x41 && character <= 0x5a) return character + 0x20;
  if (character < CYRILLIC_CAPITALS.from || character > CYRILLIC_CAPITALS.to) return character;
  return character < 0xd0_a0 ? character + 0x20 : character - 0xd0_a0 + 0xd1_80;
}

const isLetter = (character: number): boolean =>
  character >= 0x80 || (character >= 0x61 && character <= 0x7a) || (character >= 0x41 && character <= 0x5a);

/**
 * Where in a text the model stands: the characters before, whatever their number of bytes, and the word. Bytes that are
 * no UTF-8 are characters too.
 */
export class TextContext {
  /** Of what may tell the next byte, from the least specific: characters, words, and characters by language. */
  readonly hashes = new Int32Array(CONTEXTS);
  /** The last characters, newest first, each as its UTF-8 bytes in one number. */
  private readonly characters = new Int32Array(KEPT_CHARACTERS);
  private partial = 0;
  private bytesToCome = 0;
  private word = 0;
  private wordBefore = 0;
  /** Bytes of the current character so far. */
  bytesIn = 0;
  /** Of the text so far, as far as guessed; 0: unknown. */
  language = 0;

  constructor() {
    this.computeHashes();
  }

  /** The last byte of the last character. */
  get lastByte(): number {
    return (this.characters[0] ?? 0) & 0xff;
  }

  reset(): void {
    this.characters.fill(0);
    this.partial = 0;
    this.bytesToCome = 0;
    this.bytesIn = 0;
    this.word = 0;
    this.wordBefore = 0;
    this.computeHashes();
  }

  add(byte: number): void {
    if (this.bytesToCome === 0) {
      this.partial = byte;
      this.bytesToCome = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
      this.bytesIn = 0;
    } else {
      this.partial = (this.partial << 8) | byte;
      this.bytesToCome -= 1;
    }
    this.bytesIn += 1;
    if (this.bytesToCome === 0) this.endCharacter();
    this.computeHashes();
  }

  private endCharacter(): void {
    const character = folded(this.partial);
    this.characters.copyWithin(1, 0, KEPT_CHARACTERS - 1);
    this.characters[0] = character;
    if (isLetter(character)) this.word = (Math.imul(this.word ^ character, 0x2f0b4c47) + 1) | 0;
    else if (this.word !== 0) {
      this.wordBefore = this.word;
      this.word = 0;
    }
    this.partial = 0;
    this.bytesIn = 0;
  }

  private computeHashes(): void {
    const { hashes, partial, language } = this;
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = this.characters;
    const one = mixed(mixed(2, partial), a);
    const two = mixed(mixed(one, b), 3);
    const three = mixed(mixed(two, c), 4);
    const four = mixed(mixed(three, d), 5);
    const six = mixed(mixed(mixed(four, e), f), 6);
    hashes[0] = mixed(1, partial);
    hashes[1] = one;
    hashes[2] = two;
    hashes[3] = three;
    hashes[4] = four;
    hashes[5] = six;
    hashes[6] = mixed(mixed(7, partial), this.word);
    hashes[7] = mixed(mixed(mixed(8, partial), this.word), this.wordBefore);
    hashes[8] = mixed(mixed(one, language), 9);
    hashes[9] = mixed(mixed(two, language), 10);
  }
}
