import type { Bundle } from "../bundle/bundle.ts";
import { MAX_AIR_BYTES } from "./bundle-air.ts";

/**
 * Whether a bundle goes by LoRa at all: a photo is too large, and where somebody outside is reached, which is not sealed, is
 * nothing for all who listen.
 * @param bytes as encoded
 */
export const isForLora = ({ kind, to }: Pick<Bundle, "kind" | "to">, bytes: number): boolean =>
  kind !== "photo" && to.kind !== "outside" && bytes <= MAX_AIR_BYTES;
