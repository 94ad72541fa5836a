/** A letter's cell: five by seven dots above the line, two below it, and one between letters. */
export const CELL = { width: 6, height: 9 } as const;

/** The letters that the one text that is painted without a system needs, nine rows each, drawn for it. */
const DRAWN = `
T     R     P     B     Z     O     W     C     M     N     0     2     3     4     6     I
##### ####  ####  ####  #####  ###  #   #  ###  #   # #   #  ###   ###   ###     #   ###  ###
  #   #   # #   # #   #     # #   # #   # #   # ## ## ##  # #   # #   # #   #   ##  #      #
  #   #   # #   # #   #    #  #   # #   # #     # # # # # # #  ##     #     #  # #  #      #
  #   ####  ####  ####    #   #   # # # # #     # # # #  ## # # #   ##    ##  #  #  ####   #
  #   # #   #     #   #  #    #   # # # # #     #   # #   # ##  #  #        # ##### #   #  #
  #   #  #  #     #   # #     #   # ## ## #   # #   # #   # #   # #     #   #    #  #   #  #
  #   #   # #     ####  #####  ###  #   #  ###  #   # #   #  ###  #####  ###     #   ###  ###
.
.

a     b     c     d     e     f     g     h     i     k     l     m     n     o     p
      #               #         ##        #       #   #      ##
      #               #        #  #       #           #       #
 ###  # ##   ###   ## #  ###   #     #### # ##   ##   #  #    #   ## #  # ##   ###  ####
    # ##  # #     #  ## #   # ####  #   # ##  #   #   # #     #   # # # ##  # #   # #   #
 #### #   # #     #   # #####  #    #   # #   #   #   ##      #   # # # #   # #   # #   #
#   # #   # #   # #   # #      #     #### #   #   #   # #     #   # # # #   # #   # ####
 #### ####   ###   ####  ###   #        # #   #  ###  #  #   ###  #   # #   #  ###  #
                                       ##                                           #
                                    ###                                             #

r     s     t     u     v     w     x     y     ,     .     :
             #
             #
# ##   #### ####  #   # #   # #   # #   # #   #               #
##  # #      #    #   # #   # #   #  # #  #   #
#      ###   #    #   # #   # # # #   #   #   #
#         #  #  # #  ##  # #  # # #  # #   ####   ##    #     #
#     ####    ##   ## #   #    # #  #   #     #   ##    #
                                             ##    #
                                          ###     #
`;

/** Rows of each letter; a dot is a `#`. */
const LETTERS = lettersOf(DRAWN);

function lettersOf(drawn: string): ReadonlyMap<string, readonly string[]> {
  const letters = new Map<string, readonly string[]>([[" ", Array.from({ length: CELL.height }, () => "")]]);
  const blocks = drawn.split(/\n\n/).map((block) => block.replace(/^\n/, "").split("\n"));
  for (const [names = "", ...rows] of blocks) {
    for (const { 0: name, index } of names.matchAll(/\S/g))
      letters.set(
        name,
        Array.from({ length: CELL.height }, (_, y) => (rows[y] ?? "").slice(index, index + CELL.width - 1)),
      );
  }
  return letters;
}

/**
 * Paints lines of text.
 * @param width in dots
 * @returns rows of dots, each `width` long
 * @throws RangeError for a line that is too long, and a letter that has not been drawn
 */
export function paintedText(lines: readonly string[], width: number, lineHeight: number): boolean[][] {
  return lines.flatMap((line) => {
    if (line.length * CELL.width > width) throw new RangeError(`the line "${line}" is too long`);
    return Array.from({ length: lineHeight }, (_, y) => {
      const row = [...line].map((letter) => letterRow(letter, y).padEnd(CELL.width)).join("");
      return [...row.padEnd(width)].map((dot) => dot === "#");
    });
  });
}

function letterRow(letter: string, y: number): string {
  const rows = LETTERS.get(letter);
  if (!rows) throw new RangeError(`the letter "${letter}" has not been drawn`);
  return rows[y] ?? "";
}
