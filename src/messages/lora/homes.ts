import type { LinkAddress } from "../../lora/index.ts";

/** The longest unheard go first. */
const MAX_PEOPLE = 20_000;

/** At which box the sender of each key was last, by what came from there. */
export class Homes {
  private readonly homes = new Map<string, { box: LinkAddress; madeMs: number }>();

  /** A bundle of this key came from this box, made at this moment of the monotonic clock, as far as its age is known. */
  note(key: Uint8Array, box: LinkAddress, madeMs: number): void {
    const name = nameOf(key);
    const known = this.homes.get(name);
    // What was made earlier says nothing new, whenever it comes.
    if (known && known.madeMs > madeMs) return;
    this.homes.delete(name);
    this.homes.set(name, { box, madeMs });
    if (this.homes.size > MAX_PEOPLE)
      for (const oldest of this.homes.keys()) return void this.homes.delete(oldest);
  }

  of(key: Uint8Array): LinkAddress | undefined {
    return this.homes.get(nameOf(key))?.box;
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString("base64");
