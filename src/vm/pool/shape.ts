import type { VmImage } from "../image/index.ts";

/** What one machine of the pool is: it goes to a lease that asks for exactly this. */
export interface Shape {
  /** The image's name. */
  image: string;
  cpus: number;
  memoryMiB: number;
  /** As the guest sees it; 0 where the image has no disk. */
  diskMiB: number;
}

/** What a lease asks for, as far as a machine is chosen by it. */
export interface ShapeWish {
  image: string;
  resources: { cpus: number; memoryMiB: number; diskMiB: number };
}

/** @param image the one that the request names */
export const shapeOf = ({ resources }: ShapeWish, image: VmImage): Shape => ({
  image: image.name,
  cpus: resources.cpus,
  memoryMiB: resources.memoryMiB,
  // A machine without a base gets no disk, whatever was asked for.
  diskMiB: image.base === undefined ? 0 : resources.diskMiB,
});

/** The same for the same shape, and for people to read. */
export const shapeText = ({ image, cpus, memoryMiB, diskMiB }: Shape): string =>
  `${image}, ${cpus} × ${memoryMiB} MiB${diskMiB > 0 ? `, ${diskMiB} MiB of disk` : ""}`;

export const isSameShape = (one: Shape, other: Shape): boolean => shapeText(one) === shapeText(other);
