import type { FrameCarrier } from "../frame-carrier.ts";
import type { LinkAddress } from "./address.ts";
import { Conversation } from "./conversation.ts";
import type { Holding } from "./frame.ts";
import type { Neighbour } from "./neighbours.ts";
import type { OutgoingContext } from "./outgoing.ts";
import type { OutgoingToOne } from "./outgoing-to-one.ts";

/**
 * Whose turn it is among the boxes that are written to. One at a time, with its answer: who sends to another box while an
 * answer is due does not hear it. The most urgent goes first, in between another's frames too; of those that are as urgent,
 * the one that has waited longest.
 */
export class Turns {
  private readonly conversations = new Map<LinkAddress, Conversation>();
  private current: Conversation | undefined;
  private turns = 0;
  private isPumping = false;

  constructor(private readonly context: OutgoingContext) {}

  add(message: OutgoingToOne): void {
    this.at(message.neighbour).add(message);
    this.pump();
  }

  remove(message: OutgoingToOne): void {
    const conversation = this.conversations.get(message.destination);
    conversation?.remove(message);
    if (conversation?.isEmpty) this.conversations.delete(message.destination);
    this.pump();
  }

  pause(): void {
    this.current = undefined;
    for (const conversation of this.conversations.values()) conversation.pause();
  }

  onReport(source: LinkAddress, holdings: readonly Holding[]): void {
    this.conversations.get(source)?.onReport(holdings);
  }

  onHeard(source: LinkAddress, carrier: FrameCarrier): void {
    this.conversations.get(source)?.onHeard();
    if (this.current && this.current.neighbour.address !== source) this.current.onOthersHeard(carrier);
  }

  /** Lets the next go, if nobody has the turn who is as urgent. */
  readonly pump = (): void => {
    if (this.isPumping || !this.context.carrier()) return;
    this.isPumping = true;
    // One that has nothing to send after all gives its turn back at once, or ends.
    const most = this.conversations.size;
    try {
      for (let tries = 0; tries <= most; tries += 1) if (!this.passOn()) break;
    } finally {
      this.isPumping = false;
    }
  };

  /** @returns whether somebody has begun */
  private passOn(): boolean {
    const next = this.next();
    if (!next) return false;
    const { current } = this;
    if (current?.hasTurn) {
      if (!current.isSending || current.rank <= next.rank) return false;
      current.cut();
    }
    this.turns += 1;
    next.lastTurn = this.turns;
    this.current = next;
    next.begin();
    return !next.hasTurn;
  }

  private next(): Conversation | undefined {
    let best: Conversation | undefined;
    for (const one of this.conversations.values()) {
      if (!one.wantsTurn) continue;
      if (!best || one.rank < best.rank || (one.rank === best.rank && one.lastTurn < best.lastTurn))
        best = one;
    }
    return best;
  }

  private at(neighbour: Neighbour): Conversation {
    const known = this.conversations.get(neighbour.address);
    if (known) return known;
    const made = new Conversation(this.context, neighbour, this.pump);
    this.conversations.set(neighbour.address, made);
    return made;
  }
}
