export { readVmImage, type VmImage, VmImageError } from "./vm-image.ts";
