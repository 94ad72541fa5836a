export { OverlayError } from "./overlay-error.ts";
export { type Overlay, OverlayStore, type OverlayStoreOptions } from "./overlay-store.ts";
export { type BaseImage, createOverlay } from "./qcow2.ts";
export { readSwapAreas, type SwapArea, type SwapPolicy, swapProblem } from "./swap.ts";
