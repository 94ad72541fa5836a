/** The bytes of a file that no text can be made of. */
export class TextBytesError extends Error {
  override readonly name = "TextBytesError";
}

const UTF8_MARK = [0xef, 0xbb, 0xbf];
const UTF16_LE_MARK = [0xff, 0xfe];
const UTF16_BE_MARK = [0xfe, 0xff];
/** So many of the first bytes decide whether every second one is zero. */
const LOOKED_AT = 64;

/**
 * The text of a file that a person has written with whatever editor was there. Windows' Notepad writes UTF-8 with or
 * without a mark, and what it calls "Unicode" is UTF-16 with one (https://en.wikipedia.org/wiki/Byte_order_mark); both
 * are told by the mark, and UTF-16 that has lost it by the zeros of its ASCII letters. CRLF is left as it is: TOML
 * allows it.
 * @throws {TextBytesError} when it is neither, in words for whoever wrote it
 */
export function textOfBytes(bytes: Uint8Array): string {
  if (startsWith(bytes, UTF8_MARK)) return utf8(bytes.subarray(3));
  if (startsWith(bytes, UTF16_LE_MARK)) return utf16(bytes.subarray(2), "utf-16le");
  if (startsWith(bytes, UTF16_BE_MARK)) return utf16(bytes.subarray(2), "utf-16be");
  const unmarked = unmarkedUtf16(bytes);
  return unmarked === undefined ? utf8(bytes) : utf16(bytes, unmarked);
}

const startsWith = (bytes: Uint8Array, mark: readonly number[]) =>
  mark.every((byte, index) => bytes[index] === byte);

function unmarkedUtf16(bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  const head = bytes.subarray(0, LOOKED_AT);
  if (head.length < 4 || head.length % 2 === 1) return undefined;
  const zeros = (from: number) => head.filter((byte, index) => index % 2 === from && byte === 0).length;
  const half = head.length / 2;
  if (zeros(1) === half && zeros(0) === 0) return "utf-16le";
  if (zeros(0) === half && zeros(1) === 0) return "utf-16be";
  return undefined;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const line = lineOfFault(bytes);
    throw new TextBytesError(
      `line ${line}: letters in an old encoding such as Windows-1252; save the file again as "UTF-8"`,
    );
  }
}

function utf16(bytes: Uint8Array, encoding: "utf-16le" | "utf-16be"): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new TextBytesError('the file is cut off or damaged (UTF-16); save it again as "UTF-8"');
  }
}

/** The line, counted from 1, up to which the bytes are UTF-8. */
function lineOfFault(bytes: Uint8Array): number {
  let line = 1;
  let from = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] !== 0x0a) continue;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(from, at));
    } catch {
      return line;
    }
    line += 1;
    from = at + 1;
  }
  return line;
}
