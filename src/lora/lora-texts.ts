import type { Clock } from "../host/clock.ts";
import { type Arrived, addressText, type LinkAddress } from "./link/index.ts";
import type { LoraPart } from "./lora-part.ts";
import type { LoraStatus } from "./lora-status.ts";
import type { Priority } from "./priority.ts";
import type { Fate } from "./radio.ts";

export interface TextToSend {
  text: string;
  to: LinkAddress | "everyone";
  priority: Priority;
  lifetimeMs: number;
}

export type TextAdmission =
  | { accepted: true; id: number; etaSeconds: number | undefined }
  | { accepted: false; reason: string; detail: string };

/** A text that was sent or heard, as an operator sees it. */
export interface TextStatus {
  id: number;
  direction: "sent" | "heard";
  /** The other box's address, or `everyone`. */
  peer: string;
  text: string;
  priority: Priority | undefined;
  /** Of a sent one: what has become of it, in a word or two. */
  fate: string;
  secondsAgo: number;
}

/** LoRa as the operator's page and the command line see it. */
export interface LoraView extends LoraStatus {
  /** The last ones, the newest first. */
  texts: TextStatus[];
}

const MAX_TEXTS = 50;

type Entry = Omit<TextStatus, "secondsAgo"> & { atMs: number };

/** Plain texts from box to box, for operators to try their links by. The last ones are kept in memory. */
export class LoraTexts {
  private entries: Entry[] = [];
  private count = 0;
  private readonly endListening: () => void;

  constructor(
    private readonly part: LoraPart,
    private readonly clock: Pick<Clock, "monotonicMs">,
  ) {
    const listener = (arrived: Arrived) => this.onMessage(arrived);
    part.on("message", listener);
    this.endListening = () => part.off("message", listener);
  }

  send({ text, to, priority, lifetimeMs }: TextToSend): TextAdmission {
    const peer = to === "everyone" ? to : addressText(to);
    let entry: Entry | undefined;
    const told = (fate: Fate) => {
      if (entry) entry.fate = fateText(fate);
    };
    // Composed letters: what some keyboards write in two characters takes twice the air.
    const payload = new TextEncoder().encode(text.normalize("NFC"));
    const admission = this.part.submit({ payload, to, priority, lifetimeMs }, told);
    if (!admission.accepted) return admission;
    entry = this.keep({ direction: "sent", peer, text, priority, fate: "queued" });
    const { etaMs } = admission;
    return {
      accepted: true,
      id: entry.id,
      etaSeconds: etaMs === undefined ? undefined : Math.ceil(etaMs / 1000),
    };
  }

  view(): LoraView {
    const nowMs = this.clock.monotonicMs();
    const texts = this.entries.map(({ atMs, ...entry }) => ({
      ...entry,
      secondsAgo: Math.round((nowMs - atMs) / 1000),
    }));
    return { ...this.part.status(), texts };
  }

  close(): void {
    this.endListening();
  }

  private onMessage({ payload, from, isToEveryone }: Arrived): void {
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
    } catch {
      // No text: a message for another part of the box.
      return;
    }
    const peer = addressText(from);
    const fate = isToEveryone ? "to everyone" : "to this box";
    this.keep({ direction: "heard", peer, text, priority: undefined, fate });
  }

  private keep(entry: Omit<Entry, "id" | "atMs">): Entry {
    this.count += 1;
    const kept = { ...entry, id: this.count, atMs: this.clock.monotonicMs() };
    this.entries = [kept, ...this.entries].slice(0, MAX_TEXTS);
    return kept;
  }
}

function fateText(fate: Fate): string {
  if (fate.state === "failed") return `failed: ${fate.detail}`;
  return fate.state === "on-air" ? "on the air" : fate.state === "acknowledged" ? "arrived" : fate.state;
}
