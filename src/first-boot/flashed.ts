import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Made by the image's first file system (image-build/initramfs/init), and by nothing else. */
const MARK = "/run/omerta/slot";

/** Whether this machine runs from the flashable image: it has a card that people see, and a root that forgets. */
export const isFlashed = (): boolean => existsSync(MARK);

/** The part of the card that people see. */
export const CARD_FOLDER = "/boot/omerta";

/** Whether that part of the card is there: a damaged one is not mounted, and its folder is empty. */
export function isCardMounted(folder = CARD_FOLDER): boolean {
  try {
    return statSync(folder).dev !== statSync(dirname(folder)).dev;
  } catch {
    return false;
  }
}
