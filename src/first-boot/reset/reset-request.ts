import type { CardTexts } from "../card/card-texts.ts";

/** The file on the card that has the box forgotten at its next start; rootfs-overlay/usr/lib/omerta-box/data-partition does it. */
export const RESET_FILE = "factory-reset";

/** Who asked for it, as it is told afterwards. */
export type ResetBy = "button" | "command" | "console";

/**
 * What to write on the card, so that everything is forgotten at the next start.
 * @param passphrase all that is kept is exported to the card before, sealed with it; undefined: nothing is
 */
export function resetRequest(by: ResetBy, passphrase?: string): CardTexts {
  const lines = [`by ${by}`, ...(passphrase === undefined ? [] : [`export ${passphrase}`])];
  return { [RESET_FILE]: `${lines.join("\n")}\n` };
}
