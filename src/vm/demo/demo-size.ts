/** How many letters a visitor's screen has beside and below each other. */
export interface DemoSize {
  columns: number;
  rows: number;
}

/** A phone that is held upright, and a screen on a desk. */
export const LEAST_SIZE: DemoSize = { columns: 20, rows: 8 };
export const MOST_SIZE: DemoSize = { columns: 200, rows: 80 };

/** What the guest's kernel is told, from which its first program knows that a visitor sits at its console (image-build/guest). */
export const demoCommandLine = (ofImage: string, { columns, rows }: DemoSize): string =>
  `${ofImage} omerta.shell=${columns}x${rows}`;
