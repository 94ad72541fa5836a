import type { LinkAddress } from "../../lora/index.ts";
import type { LoraContext } from "./context.ts";

const MOST_GAPS = 256;
const MOST_TRIES = 6;
/** Of one holder, in one question. */
const MOST_WANTED = 12;
const QUESTION_BYTES = 5;
const GRANTED_TRIES = 3;

interface Gap {
  holder: LinkAddress;
  dueMs: number;
  tries: number;
}

/** What is not here and a neighbour has, by whatever it is asked for by, until it has come or was asked for in vain. */
export class Gaps<Name extends number> {
  private readonly gaps = new Map<Name, Gap>();

  constructor(
    private readonly context: Pick<LoraContext, "nowMs" | "frames" | "asked" | "pace">,
    private readonly nameBytes: number,
    /** How much of {@link Pace.ms} is waited for what may be on its way by others. */
    private readonly paceShare: number,
  ) {}

  /** When something is to be asked for next, in ms; Infinity: nothing is. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.gaps.values()) next = Math.min(next, dueMs);
    return next;
  }

  note(names: readonly Name[], holder: LinkAddress): void {
    const missing = names.filter((name) => !this.gaps.has(name));
    for (let at = 0; at < missing.length; at += MOST_WANTED)
      this.noteSome(missing.slice(at, at + MOST_WANTED), holder);
  }

  forget(name: Name): void {
    this.gaps.delete(name);
  }

  /** Another box asks for these, and all will hear the answer. */
  onOthersAsk(names: readonly Name[]): void {
    for (const name of names) {
      const gap = this.gaps.get(name);
      if (gap) gap.dueMs = Math.max(gap.dueMs, this.context.nowMs + this.context.frames(5));
    }
  }

  /** What to ask each holder for now. */
  due(): { holder: LinkAddress; names: readonly Name[] }[] {
    const byHolder = new Map<LinkAddress, Name[]>();
    for (const [name, { holder, dueMs }] of this.gaps) {
      if (dueMs > this.context.nowMs) continue;
      const names = byHolder.get(holder) ?? [];
      byHolder.set(holder, names);
      if (names.length < MOST_WANTED) names.push(name);
    }
    return [...byHolder].map(([holder, names]) => ({ holder, names }));
  }

  onAsked(names: readonly Name[]): void {
    // What was asked for together is asked for again together.
    const waitMs = this.context.frames(8, 8);
    for (const name of names) {
      const gap = this.gaps.get(name);
      if (!gap) continue;
      gap.tries += 1;
      gap.dueMs = this.context.nowMs + waitMs * 2 ** gap.tries;
      // Whoever named it cannot be heard, or has it no more: comparing finds it again.
      if (gap.tries >= MOST_TRIES) this.gaps.delete(name);
    }
  }

  /** As many as one question asks for. */
  private noteSome(names: readonly Name[], holder: LinkAddress): void {
    if (this.gaps.size + names.length > MOST_GAPS) return;
    // It may have to be asked again.
    for (let time = 0; time < GRANTED_TRIES; time += 1)
      if (!this.context.asked.grants(holder, QUESTION_BYTES + names.length * this.nameBytes)) return;
    const waitMs = Math.max(this.context.frames(1, 2), this.paceShare * this.context.pace.ms);
    const dueMs = this.context.nowMs + waitMs;
    for (const name of names) this.gaps.set(name, { holder, tries: 0, dueMs });
  }
}
