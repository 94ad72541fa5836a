import type { Bundle } from "../bundle/bundle.ts";
import { MAX_AIR_BYTES } from "./bundle-air.ts";

/**
 * Whether a bundle goes by LoRa at all.
 * @param bytes as encoded
 */
export const isForLora = ({ kind }: Pick<Bundle, "kind">, bytes: number): boolean =>
  kind !== "photo" && bytes <= MAX_AIR_BYTES;
