import { createHash } from "node:crypto";
import type { FrameStream } from "../engine/engine-interface.ts";

/** The bytes of a tag, by which two boxes compare what they have. */
const TAG_BYTES = 8;
/** As many tags as one frame may hold. */
const MAX_TAGS = 16_384;
/** What one answer may bring. */
const MAX_ITEMS = 4_096;

/** Things that two boxes bring to the same state: signed, so that it does not matter who hands them over. */
export interface SyncedSet {
  /** All that is there, each with its tag in hex. */
  items(): Iterable<{ tag: string; encoded: Uint8Array }>;
  /** @throws when it is malformed or unwanted */
  accept(encoded: Uint8Array): void;
}

export const tagOf = (encoded: Uint8Array): string =>
  createHash("sha256")
    .update(encoded)
    .digest("hex")
    .slice(0, TAG_BYTES * 2);

/** Asks the other side for what it has and we have not. @returns how many came, and how many of them were no good */
export async function pull(stream: FrameStream, set: SyncedSet): Promise<{ taken: number; refused: number }> {
  const tags = [...set.items()].slice(0, MAX_TAGS).map(({ tag }) => tag);
  await stream.send(Buffer.from(tags.join(""), "hex"));
  await stream.close();
  const result = { taken: 0, refused: 0 };
  for await (const encoded of stream.frames()) {
    if (result.taken + result.refused >= MAX_ITEMS) {
      // It would wait for room to send the rest.
      stream.abort(new Error(`set: more than ${MAX_ITEMS} at once`));
      break;
    }
    try {
      set.accept(encoded);
      result.taken += 1;
    } catch {
      // Whoever sent it may have got it from somebody else; what is good in the rest is still taken.
      result.refused += 1;
    }
  }
  return result;
}

/** Answers a {@link pull}: what the other side has not. */
export async function answerPull(stream: FrameStream, set: SyncedSet): Promise<void> {
  let known: Set<string> | undefined;
  for await (const frame of stream.frames()) {
    known = tagsIn(frame);
    break;
  }
  if (!known) return;
  let sent = 0;
  for (const { tag, encoded } of set.items()) {
    if (known.has(tag)) continue;
    if (sent >= MAX_ITEMS) break;
    await stream.send(encoded);
    sent += 1;
  }
  await stream.close();
}

function tagsIn(frame: Uint8Array): Set<string> {
  if (frame.length % TAG_BYTES !== 0 || frame.length > MAX_TAGS * TAG_BYTES)
    throw new Error(`set: ${frame.length} bytes of tags`);
  const hex = Buffer.from(frame).toString("hex");
  const tags = new Set<string>();
  for (let at = 0; at < hex.length; at += TAG_BYTES * 2) tags.add(hex.slice(at, at + TAG_BYTES * 2));
  return tags;
}
