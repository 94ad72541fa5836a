import type { Messenger } from "./messenger.ts";

/** What is shown: one at a time. */
export interface Page {
  title: string;
  element: HTMLElement;
  /** Something may have changed. What somebody is writing stays. */
  refresh?(): void;
}

/** What pages are made with. */
export interface Desk {
  messenger: Messenger;
  /** Shows another page, by what is behind # in the address. */
  go(to: string): void;
}
