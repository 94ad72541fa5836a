/** Every printable character of ASCII but the space: no firmware trims, ends or echoes a line for one of these. */
const FIRST = 0x21;
const SIZE = 94;

/** Two characters have 8836 values and carry 13 bits: 6.5 bits a character, 81.25 % of what a byte would. */
const PAIR_BITS = 13;
/** What is left over at the end and has so few bits takes one character. */
const SINGLE_BITS = 6;

/** How many characters so many bytes take. */
export function textLength(bytes: number): number {
  const rest = (bytes * 8) % PAIR_BITS;
  return Math.floor((bytes * 8) / PAIR_BITS) * 2 + (rest === 0 ? 0 : rest <= SINGLE_BITS ? 1 : 2);
}

/** How many bytes fit into so many characters. */
export function bytesThatFit(characters: number): number {
  const bits = Math.floor(characters / 2) * PAIR_BITS + (characters % 2) * SINGLE_BITS;
  return Math.floor(bits / 8);
}

/** Bytes as text, the lowest bits first; both ends of RYLR998 modules know its length. */
export function toText(payload: Uint8Array): string {
  let text = "";
  let bits = 0;
  let count = 0;
  for (const byte of payload) {
    bits |= byte << count;
    count += 8;
    if (count < PAIR_BITS) continue;
    text += pair(bits & 0x1fff);
    bits >>= PAIR_BITS;
    count -= PAIR_BITS;
  }
  if (count === 0) return text;
  return text + (count <= SINGLE_BITS ? single(bits) : pair(bits));
}

/** @returns undefined when it is not what {@link toText} makes */
export function fromText(text: Uint8Array): Uint8Array | undefined {
  const payload = new Uint8Array(bytesThatFit(text.length));
  let bits = 0;
  let count = 0;
  let filled = 0;
  for (let at = 0; at < text.length; at += 2) {
    const low = digit(text[at]);
    const isPair = at + 1 < text.length;
    const high = isPair ? digit(text[at + 1]) : 0;
    if (low === undefined || high === undefined) return undefined;
    const value = low + high * SIZE;
    if (value >= 1 << (isPair ? PAIR_BITS : SINGLE_BITS)) return undefined;
    bits |= value << count;
    count += isPair ? PAIR_BITS : SINGLE_BITS;
    for (; count >= 8 && filled < payload.length; count -= 8, bits >>= 8) payload[filled++] = bits & 0xff;
  }
  // Nothing is left but zeros, and there is no shorter way to write these bytes.
  return bits === 0 && textLength(payload.length) === text.length ? payload : undefined;
}

const single = (value: number): string => String.fromCharCode(FIRST + value);
const pair = (value: number): string => single(value % SIZE) + single(Math.floor(value / SIZE));

function digit(character: number | undefined): number | undefined {
  if (character === undefined || character < FIRST || character >= FIRST + SIZE) return undefined;
  return character - FIRST;
}
