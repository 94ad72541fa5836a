import type { NoticeLevel } from "../bundle/bodies.ts";
import type { BundleId, Priority } from "../bundle/bundle.ts";
import type { NotSent, Page, ShownCheckIn, ShownNotice, ShownPost, ShownSos } from "./guest-messages.ts";

export interface MessagesStatus {
  /** Bundles in custody. */
  held: Record<Priority, number>;
  bytes: number;
  maxBytes: number;
  /** Boxes that it compares with now, and when they last agreed. */
  neighbours: { name: string; by: "mesh" | "lora"; inSync: boolean; agoS?: number; waiting: number }[];
  outbox: { waiting: number; sent: number; failed: number; bridge: string };
  sos: { open: number; acknowledged: number };
}

export interface OutboxEntry {
  id: BundleId;
  uri: string;
  state: "waiting" | "sent" | "failed";
  /** Why it waits or failed; may be empty. */
  detail: string;
  ageS: number;
}

/** Reports by guests about a public bundle. */
export interface Reported {
  id: BundleId;
  count: number;
  reasons: string[];
  text: string;
}

/** What an operator may do with messages: the console and the command line. */
export interface OperatorMessages {
  status(): MessagesStatus;
  /** All that are not closed, the newest first; with `all` the closed ones too. */
  sosBoard(all?: boolean): ShownSos[];
  acknowledge(id: BundleId, note: string): Promise<BundleId | NotSent>;
  handOver(id: BundleId, to: string): Promise<BundleId | NotSent>;
  close(id: BundleId, note: string): Promise<BundleId | NotSent>;

  notices(): ShownNotice[];
  notify(level: NoticeLevel, text: string, lifetimeS: number): Promise<BundleId | NotSent>;

  posts(room: string, before?: string): Page<ShownPost>;
  checkIns(query: string, before?: string): Page<ShownCheckIn>;
  reported(): Reported[];
  /** Takes a public bundle away, here and on every box of the network, with a trace that everybody sees. */
  remove(id: BundleId, reason: string): Promise<BundleId | NotSent>;
  /**
   * Takes no more from this sender: the person's key as hex or words, a device's MAC address, or the id, or the first digits of
   * it, of a public message of theirs.
   */
  block(who: string): Promise<{ blocked: string } | NotSent>;
  unblock(who: string): Promise<{ unblocked: string } | NotSent>;
  blocked(): string[];

  outbox(): OutboxEntry[];
  /** Writes all that is alive into a folder, see `sync/bundle-folder.ts`. @returns how many */
  exportTo(folder: string): Promise<{ written: number } | NotSent>;
  importFrom(folder: string): Promise<{ taken: number; known: number; refused: number } | NotSent>;
}
