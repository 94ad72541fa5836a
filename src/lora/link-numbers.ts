import { z } from "zod";
import { type Document, openDocument } from "../store/index.ts";

const schema = z.looseObject({
  /** The first number that has never been used. */
  next: z.int().min(0).max(0xffff),
});

/**
 * Numbers are set apart on the medium so many at a time: one write for many messages, and no more than so many lost to a
 * power cut.
 */
const BLOCK = 32;

export interface LinkNumbersOptions {
  path: string;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** Told of what an operator should know. */
  told: (message: string) => void;
}

/**
 * The numbers of this box's messages on the link, 0 to 65535 and round again, whatever restarts come between: another box
 * would take a new message with an old number for the old one. Between two uses of a number are at least 65,504 others,
 * less 32 for every power cut.
 */
export class LinkNumbers {
  private document: Document<z.output<typeof schema>> | undefined;
  private upcoming = 0;
  private left = 0;

  constructor(private readonly options: LinkNumbersOptions) {}

  open(): void {
    const { path, random, told } = this.options;
    const document = openDocument(path, schema, () => ({ next: Math.floor(random() * 0x1_0000) }));
    for (const aside of document.setAside) told(`the link's numbers were torn; what is left is in ${aside}`);
    this.document = document;
    // The copy before the last one may know of one block less.
    this.upcoming = (document.data.next + (document.origin === "previous" ? BLOCK : 0)) & 0xffff;
    this.left = 0;
  }

  /** @throws Error when it is not open */
  next(): number {
    if (this.left === 0) this.setApart();
    const number = this.upcoming;
    this.upcoming = (this.upcoming + 1) & 0xffff;
    this.left -= 1;
    return number;
  }

  /** Gives back what was set apart and not used, so that a restart in good order costs no numbers. */
  close(): void {
    const { document } = this;
    this.document = undefined;
    if (document && this.left > 0) this.keep(document, this.upcoming);
    this.left = 0;
  }

  private setApart(): void {
    if (!this.document) throw new Error("the link's numbers are not open");
    this.left = BLOCK;
    this.keep(this.document, (this.upcoming + BLOCK) & 0xffff);
  }

  private keep(document: Document<z.output<typeof schema>>, next: number): void {
    try {
      document.update((data) => {
        data.next = next;
      });
    } catch (error) {
      // A full card must not keep a message from going: numbers may then come again after a restart.
      this.options.told(`the link's numbers are not kept: ${error instanceof Error ? error.message : error}`);
    }
  }
}
