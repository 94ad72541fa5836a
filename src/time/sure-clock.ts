import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../host/clock.ts";
import { type Document, openDocument } from "../store/index.ts";

const schema = z.looseObject({
  /** By how much the clock was moved on the word of those who are not trusted, in ms. */
  movedMs: z.number(),
});

/**
 * The clock without what phones and radios have moved it by: what is signed, and what ends on a day, goes by this one. A founder's
 * signature moves the time of its whole network on for good, and five phones may be one stranger's.
 *
 * It is kept through a boot, as the clock itself is (systemd-timesyncd begins where it ended): forgotten, their word would have
 * become the box's own, which no phones could put right any more.
 */
export class SureClock implements Clock {
  private readonly document: Document<{ movedMs: number }>;
  private nowMovedMs: number;

  /** @param failed told why it could not be kept for the next boot */
  constructor(
    stateFolder: string,
    private readonly clock: Clock,
    private readonly failed: (error: unknown) => void,
  ) {
    this.document = openDocument(join(stateFolder, "clock-moved.json"), schema, () => ({ movedMs: 0 }));
    this.nowMovedMs = this.document.data.movedMs;
  }

  get movedMs(): number {
    return this.nowMovedMs;
  }

  wallMs(): number {
    return this.clock.wallMs() - this.nowMovedMs;
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  /** Has it that the clock is moved by so much in all, in ms. */
  moved(movedMs: number): void {
    if (movedMs === this.nowMovedMs) return;
    this.nowMovedMs = movedMs;
    try {
      this.document.update((data) => {
        data.movedMs = movedMs;
      });
    } catch (error) {
      this.failed(error);
    }
  }
}
