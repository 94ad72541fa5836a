import type { TextKey } from "../../locales/index.ts";

/** What is wrong with a field of a form. */
export interface Fault {
  /** The field's name in the form. */
  field: string;
  /** What the page calls it. */
  label: TextKey;
  /** What is wrong, with numbers in their places. */
  key: TextKey;
  numbers?: Readonly<Record<string, number>>;
}

/** A form as somebody has filled it in so far: it comes back with every word when it could not be taken. */
export interface Draft {
  values: Readonly<Record<string, string>>;
  faults: readonly Fault[];
  /** Why the whole form was not taken. */
  problem?: TextKey;
  /** Work by which it is taken after all, for a browser that runs scripts; see `work-challenges.ts`. */
  work?: string;
}

export const EMPTY_DRAFT: Draft = { values: {}, faults: [] };
