import type { LinkAddress } from "../../lora/index.ts";

/** The longest unheard go first. */
const MAX_PEOPLE = 20_000;
/** Who was at this box is here for so long, whatever is heard on the air: a bundle can be sent again with another origin. */
const HERE_MS = 3_600_000;

interface Stay {
  box: LinkAddress;
  madeMs: number;
}

interface Person extends Stay {
  /** Where they were heard to be while they were still here: it holds once they have not been here for long. */
  next: Stay | undefined;
}

/** At which box the sender of each key was last, by what came from there. */
export class Homes {
  private readonly people = new Map<string, Person>();

  constructor(
    private readonly own: LinkAddress,
    private readonly nowMs: () => number,
  ) {}

  /** This person was at this box at this moment of the monotonic clock, or whoever they are is reached by it. */
  noteHere(key: Uint8Array, atMs: number): void {
    const known = this.current(key);
    if (known && known.madeMs > atMs) return;
    this.set(key, { box: this.own, madeMs: atMs, next: undefined });
  }

  /**
   * A bundle of this key, whose signature holds, came by LoRa from this box.
   * @param madeMs on the monotonic clock, as far as its age is known
   */
  noteHeard(key: Uint8Array, box: LinkAddress, madeMs: number): void {
    // Whoever is here has not to be told so by others.
    if (box === this.own) return;
    const known = this.current(key);
    // What was made earlier says nothing new, whenever it comes.
    if (known && Math.max(known.madeMs, known.next?.madeMs ?? known.madeMs) > madeMs) return;
    const next = { box, madeMs };
    if (known && this.isHere(known)) known.next = next;
    else this.set(key, { ...next, next: undefined });
  }

  of(key: Uint8Array): LinkAddress | undefined {
    return this.current(key)?.box;
  }

  private current(key: Uint8Array): Person | undefined {
    const known = this.people.get(nameOf(key));
    if (!known?.next || this.isHere(known)) return known;
    return this.set(key, { ...known.next, next: undefined });
  }

  private isHere({ box, madeMs }: Stay): boolean {
    return box === this.own && this.nowMs() - madeMs < HERE_MS;
  }

  private set(key: Uint8Array, person: Person): Person {
    const name = nameOf(key);
    this.people.delete(name);
    this.people.set(name, person);
    for (const oldest of this.people.keys()) {
      if (this.people.size <= MAX_PEOPLE) break;
      this.people.delete(oldest);
    }
    return person;
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString("base64");
