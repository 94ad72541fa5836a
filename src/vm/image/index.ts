export { readVmImages } from "./image-folder.ts";
export { SeenImages, type SeenImagesOptions } from "./seen-images.ts";
export { readVmImage, type VmImage, VmImageError } from "./vm-image.ts";
