export { readVmImages } from "./image-folder.ts";
export { readVmImage, type VmImage, VmImageError } from "./vm-image.ts";
