/** Characters of printf's form that stand for one byte (printf_decode in hostap's src/utils/common.c). */
const ESCAPES: ReadonlyMap<string, number> = new Map([
  ["\\", 0x5c],
  ['"', 0x22],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["e", 0x1b],
]);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns undefined where the bytes are no UTF-8 */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes of a text; undefined where it has half of a surrogate pair, which UTF-8 cannot say. */
export function utf8Bytes(text: string): Uint8Array | undefined {
  return text.isWellFormed() ? new TextEncoder().encode(text) : undefined;
}

/**
 * A text as hostapd and wpa_supplicant take it for SSIDs and passwords: `"…"`, or printf's form `P"…"` where it has
 * what would end the line or the quotation. With no mark inside, a # in it begins no comment.
 */
export function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand in a line
  const printf = text.replace(/[\u0000-\u001f\u007f"\\]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return printf === text ? `"${text}"` : `P"${printf}"`;
}

/** What no line may have. Unicode's other control characters have bytes above 0x7f, which mean nothing to these programs. */
export function hasControlByte(line: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand in a line
  return /[\u0000-\u001f\u007f]/.test(line);
}

/**
 * Reads `"…"`, `P"…"` and hex, as wpa_config_parse_string of hostap's src/utils/common.c does.
 * @returns undefined where it would refuse them
 */
export function unquoted(value: string): Uint8Array | undefined {
  const [, printf, inner] = /^(P?)"(.*)"$/s.exec(value) ?? [];
  if (inner !== undefined) return printf === "P" ? printfBytes(inner) : encoded(inner);
  return /^(?:[0-9a-f]{2})*$/i.test(value) ? Buffer.from(value, "hex") : undefined;
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function printfBytes(text: string): Uint8Array {
  // What begins like an escape and is none loses its backslash, "\x" without a digit both characters.
  const token = /\\(?:x([0-9a-fA-F]{1,2})?|([0-7]{1,3})|([\\"nrte]))?|[^\\]+/g;
  const parts: Uint8Array[] = [];
  for (const [all, hex, octal, letter] of text.matchAll(token)) {
    const byte = letter === undefined ? undefined : ESCAPES.get(letter);
    if (hex !== undefined) parts.push(Uint8Array.of(Number.parseInt(hex, 16)));
    else if (octal !== undefined) parts.push(Uint8Array.of(Number.parseInt(octal, 8)));
    else if (byte !== undefined) parts.push(Uint8Array.of(byte));
    else if (!all.startsWith("\\")) parts.push(encoded(all));
  }
  return Buffer.concat(parts);
}
