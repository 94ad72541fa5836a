import { createHash } from "node:crypto";
import type { Message } from "@libp2p/gossipsub";

/**
 * Topics of signed facts begin with this. What is the same there is one message, whoever says it: so a box that has
 * learned a fact in another way may say it again, and it goes on only to those who have not heard it.
 */
export const FACTS = "facts/";

/** By which gossip tells whether it has seen a message: of facts what they say, of all others who said it and in which place. */
export function messageId(message: Message): Uint8Array {
  const { topic, data } = message;
  if (topic.startsWith(FACTS) || message.type !== "signed")
    return createHash("sha256").update(`${topic}\0`).update(data).digest();
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt.asUintN(64, message.sequenceNumber));
  return Buffer.concat([message.from.toMultihash().bytes, place]);
}
