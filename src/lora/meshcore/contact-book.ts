import type { NodeId, RadioNode } from "../radio.ts";
import type { Contact } from "./answers.ts";
import { hexOf } from "./bytes.ts";
import { KEY_PREFIX_BYTES } from "./codes.ts";

/** MeshCore nodes have no short names of their own: the firmware knows them by the start of their public key. */
export const nodeIdOf = (publicKey: Uint8Array): NodeId => hexOf(publicKey.subarray(0, KEY_PREFIX_BYTES));

/** The firmware holds 100 to 350 contacts. */
const MAX_CONTACTS = 1_000;

/** The nodes that the radio knows, as it told us. */
export class ContactBook {
  private readonly contacts = new Map<NodeId, Contact>();
  private readonly snrDb = new Map<NodeId, number>();
  /** By the radio's clock. */
  private newestSeconds = 0;
  /** The same, of those that came whole: a list that broke off does not come in the order of time. */
  private completeSeconds = 0;

  /** Where to go on when asking for what has changed: more may have changed within that second. */
  get modifiedSeconds(): number {
    return Math.max(0, this.completeSeconds - 1);
  }

  /** All that have changed so far were put in. */
  haveAll(): void {
    this.completeSeconds = this.newestSeconds;
  }

  put(contact: Contact): void {
    const id = nodeIdOf(contact.publicKey);
    if (!this.contacts.has(id) && this.contacts.size >= MAX_CONTACTS) return;
    this.contacts.set(id, contact);
    this.newestSeconds = Math.max(this.newestSeconds, contact.modifiedSeconds);
  }

  get(id: NodeId): Contact | undefined {
    return this.contacts.get(id.toLowerCase());
  }

  /** A packet came straight from it, or over others. */
  noteSnr(id: NodeId, snrDb: number | undefined): void {
    if (snrDb !== undefined && this.contacts.has(id)) this.snrDb.set(id, snrDb);
  }

  /** @param nowSeconds by the radio's clock; undefined while unknown */
  nodes(nowSeconds: number | undefined): RadioNode[] {
    return [...this.contacts].map(([id, { name, hops, position, modifiedSeconds }]) => {
      const snrDb = this.snrDb.get(id);
      return {
        id,
        name,
        ...(nowSeconds === undefined ? {} : { heardSecondsAgo: Math.max(0, nowSeconds - modifiedSeconds) }),
        ...(snrDb === undefined ? {} : { snrDb }),
        ...(hops === undefined ? {} : { hops }),
        ...(position === undefined ? {} : { position }),
      };
    });
  }
}
