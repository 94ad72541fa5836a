/** A text about radios that is not what it should be. */
export class InventoryError extends Error {
  override readonly name = "InventoryError";
  constructor(
    /** What it was: `iw phy`, or a file. */
    readonly source: string,
    problem: string,
  ) {
    super(`${source}: ${problem}`);
  }
}

/** More than a machine with every slot full prints: a phy with three bands takes under 40 KiB. */
const MAX_TEXT = 1_048_576;

/**
 * The lines of a program's output, without the white space around them.
 * @throws {InventoryError} when it is larger than any real one
 */
export function linesOf(source: string, text: string): string[] {
  if (text.length > MAX_TEXT) throw new InventoryError(source, `more than ${MAX_TEXT / 1024} KiB`);
  return text.split("\n").map((line) => line.trim());
}
