import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { readVmImages } from "./image-folder.ts";
import type { VmImage } from "./vm-image.ts";

export interface SeenImagesOptions {
  folder: string;
  /** As Debian names it. */
  architecture: string;
  /** There are others than before. */
  onChange(): void;
  log: Logger;
  timers: Timers;
}

/** Whoever asks within this time after a look is answered by it: some ask with every decision. */
const LOOK_AGAIN_MS = 1_000;

/**
 * The images of a folder as they are now: installed, replaced and removed ones are seen while the box runs. The folder is read
 * whenever somebody asks, and not watched: it may not be there yet, or be on a medium that tells of nothing.
 */
export class SeenImages {
  private images: readonly VmImage[] | undefined;
  private lookedMs = Number.NEGATIVE_INFINITY;
  /** Why images were left out at the last look, and of which of these it was told. */
  private failed: ReadonlySet<string> = new Set();
  private readonly told = new Set<string>();

  constructor(private readonly options: SeenImagesOptions) {}

  /** Those that are whole, and for this processor. Where the folder cannot be read: those of the last time. */
  now(): readonly VmImage[] {
    const { onChange, timers } = this.options;
    const before = this.images;
    if (before && timers.monotonicMs() - this.lookedMs < LOOK_AGAIN_MS) return before;
    this.lookedMs = timers.monotonicMs();
    const images = this.look() ?? before ?? [];
    this.images = images;
    if (before && !isSame(before, images)) onChange();
    return images;
  }

  private look(): readonly VmImage[] | undefined {
    const { folder, architecture } = this.options;
    const failed = new Set<string>();
    try {
      return readVmImages(folder, architecture, (why) => failed.add(why));
    } catch (error) {
      failed.add(error instanceof Error ? error.message : String(error));
      return undefined;
    } finally {
      this.tell(failed);
    }
  }

  /** Told once. One that is just being copied is not whole either: what comes up while the box runs is told the second time. */
  private tell(failed: ReadonlySet<string>): void {
    const { log } = this.options;
    const isFirst = this.images === undefined;
    for (const why of failed) {
      if (this.told.has(why) || !(isFirst || this.failed.has(why))) continue;
      this.told.add(why);
      log.warn(`an image is left out: ${why}`);
    }
    for (const why of this.told) if (!failed.has(why)) this.told.delete(why);
    this.failed = failed;
  }
}

const isSame = (some: readonly VmImage[], others: readonly VmImage[]): boolean =>
  some.length === others.length && some.every((one, at) => isSameImage(one, others[at]));

const isSameImage = (one: VmImage, other: VmImage | undefined): boolean =>
  one.name === other?.name && one.version === other.version && one.digest === other.digest;
