import { existsSync } from "node:fs";

/** Made by the image's first file system (image-build/initramfs/init), and by nothing else. */
const MARK = "/run/omerta/slot";

/** Whether this machine runs from the flashable image: it has a card that people see, and a root that forgets. */
export const isFlashed = (): boolean => existsSync(MARK);

/** The part of the card that people see. */
export const CARD_FOLDER = "/boot/omerta";
