const WINDOW = 128;

/**
 * A byte for each ASCII character and for each within the script's window of 128, as SCSU does it (Unicode Technical
 * Standard 6): two bytes to move the window, three for an ideograph.
 * @returns the bytes that a text takes
 */
export function inWindows(text: Uint8Array): number {
  let window = 0;
  let bytes = 0;
  for (const character of new TextDecoder().decode(text)) {
    const point = character.codePointAt(0) ?? 0;
    const at = Math.floor(point / WINDOW);
    if (point < WINDOW || at === window) bytes += 1;
    else if (point >= 0x3400) bytes += 3;
    else {
      window = at;
      bytes += 3;
    }
  }
  return bytes;
}
