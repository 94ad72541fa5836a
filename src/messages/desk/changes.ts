import { decodeBody } from "../bundle/body-codec.ts";
import type { BundleId, Kind } from "../bundle/bundle.ts";
import type { Held } from "../custody/custody.ts";

const PUBLIC: readonly Kind[] = ["sos", "check-in", "post", "notice", "removal", "receipt"];

/** Tells whoever waits that something has come for a person, that what they sent has moved on, or that what is public has changed. */
export class Changes {
  private readonly byPerson = new Map<string, Set<() => void>>();
  private readonly toAll = new Set<() => void>();

  /** @param get a bundle in custody */
  constructor(private readonly get: (id: BundleId) => Held | undefined) {}

  onChange(key: Uint8Array, changed: () => void): () => void {
    const person = hexOf(key);
    const listeners = this.byPerson.get(person) ?? new Set();
    this.byPerson.set(person, listeners);
    // The same function may listen twice.
    const own = () => changed();
    listeners.add(own);
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.byPerson.get(person) === listeners) this.byPerson.delete(person);
    };
  }

  onPublicChange(changed: () => void): () => void {
    const own = () => changed();
    this.toAll.add(own);
    return () => this.toAll.delete(own);
  }

  /** A bundle has come. */
  came({ bundle }: Held): void {
    if (bundle.to.kind === "person") this.tell(bundle.to.key);
    if (bundle.kind === "receipt") for (const id of decodeBody("receipt", bundle.body).of) this.movedOn(id);
    if (PUBLIC.includes(bundle.kind)) this.publicChanged();
  }

  /** A bundle is at another box now, or is on its way there. */
  movedOn(id: BundleId): void {
    const sender = this.get(id)?.bundle.sender;
    if (sender?.as === "person") this.tell(sender.key);
  }

  publicChanged(): void {
    for (const changed of [...this.toAll]) changed();
  }

  private tell(key: Uint8Array): void {
    for (const changed of [...(this.byPerson.get(hexOf(key)) ?? [])]) changed();
  }
}

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString("hex");
