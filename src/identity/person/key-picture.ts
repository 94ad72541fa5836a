import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

// Browsers run this too: no Buffer, nothing of Node's.

const DOMAIN = utf8ToBytes("omerta-box key picture 1\0");
/** Rows; as many columns, of which the right half mirrors the left: eyes compare what is symmetric at a glance. */
const ROWS = 6;
const HALF = ROWS / 2;
/** Units of the picture that a cell is wide. */
const CELL = 10;
/**
 * Dark enough on white for 4.5 to 1, and apart from each other in lightness too where colours look alike (after Okabe and Ito). Nothing
 * depends on them: the shapes alone tell two keys apart.
 */
const COLOURS = ["#000000", "#0b4f8a", "#9c3d00", "#00664a"];

/**
 * A public key as a picture, for eyes to compare: 36 bits of SHA-256 as empty cells, squares, discs and diamonds. Like four words of
 * the fingerprint it tells keys apart that nobody chose on purpose.
 * @param publicKey 32 bytes
 * @returns an SVG element, with no script, style or reference
 */
export function keyPicture(publicKey: Uint8Array): string {
  const hash = sha256(concatBytes(DOMAIN, publicKey));
  let path = "";
  for (let cell = 0; cell < ROWS * HALF; cell += 1) {
    const form = ((hash[cell >> 2] ?? 0) >> (2 * (cell & 3))) & 3;
    const [row, column] = [Math.floor(cell / HALF), cell % HALF];
    path += shape(form, column * CELL, row * CELL) + shape(form, (ROWS - 1 - column) * CELL, row * CELL);
  }
  const colour = COLOURS[(hash[31] ?? 0) & 3] ?? "#000000";
  const side = ROWS * CELL;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 ${side + 8} ${side + 8}" width="96" height="96">` +
    `<path fill="#fff" d="M-4-4h${side + 8}v${side + 8}h-${side + 8}z"/><path fill="${colour}" d="${path}"/></svg>`
  );
}

/** 0: nothing, 1: the whole cell, 2: a disc, 3: a diamond. */
function shape(form: number, x: number, y: number): string {
  if (form === 1) return `M${x} ${y}h10v10h-10z`;
  if (form === 2) return `M${x + 1} ${y + 5}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z`;
  if (form === 3) return `M${x + 5} ${y}l5 5l-5 5l-5-5z`;
  return "";
}
