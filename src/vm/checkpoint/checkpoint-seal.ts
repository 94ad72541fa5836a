import { createHash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { hkdfSha256, type SigningKey, verify } from "../../identity/signing-key.ts";
import { sodium } from "../../mesh/engine/sodium.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import {
  bytesAt,
  type CheckpointHead,
  checkpointBytes,
  PIECE_BYTES,
  plainBytes,
  readCheckpointHead,
  SIGNATURE_BYTES,
  TAG_BYTES,
  writeAll,
} from "./checkpoint-head.ts";

/** A run of bytes of an open file. */
export interface FileRun {
  file: FileHandle;
  from: number;
  bytes: number;
}

const PAYLOAD = Buffer.from("omerta-box checkpoint payload 1\0");
const SIGNED = Buffer.from("omerta-box checkpoint signature 1\0");
/** Pieces that are read and written at once: 1 MiB, and between two the daemon does something else. */
const PIECES = 16;

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const payloadKey = (fileKey: Uint8Array, head: Uint8Array): Uint8Array =>
  hkdfSha256(fileKey, sha256(head), PAYLOAD, 32);

/** Eleven bytes of counter and one that says whether it is the last. */
function nonceOf(index: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/**
 * Writes a checkpoint, a MiB at a time.
 * @param head whose header says how long `state` and `disk` are
 * @param target made anew, mode 0600, and removed when it fails; there must be no such file yet
 * @throws {CheckpointError} when a file is shorter than was said, and the file system's errors
 */
export async function sealCheckpoint(
  target: string,
  head: CheckpointHead,
  { state, disk }: { state: FileRun; disk: FileRun | undefined },
  fileKey: Uint8Array,
  box: SigningKey,
): Promise<void> {
  const file = await open(target, "wx", 0o600);
  try {
    await writeAll(file, head.bytes, 0);
    const hash = createHash("sha256");
    const key = payloadKey(fileKey, head.bytes);
    const count = Math.ceil(plainBytes(head.header) / PIECE_BYTES);
    let index = 0;
    let at = head.bytes.length;
    for await (const plain of blocksOf(disk ? [state, disk] : [state])) {
      const pieces = Math.ceil(plain.length / PIECE_BYTES);
      const sealed = Buffer.allocUnsafe(plain.length + pieces * TAG_BYTES);
      for (let piece = 0; piece < pieces; piece += 1, index += 1) {
        const from = plain.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
        const to = sealed.subarray(piece * (PIECE_BYTES + TAG_BYTES)).subarray(0, from.length + TAG_BYTES);
        const nonce = nonceOf(index, index === count - 1);
        sodium().crypto_aead_chacha20poly1305_ietf_encrypt(to, from, null, null, nonce, key);
      }
      hash.update(sealed);
      await writeAll(file, sealed, at);
      at += sealed.length;
    }
    await writeAll(file, box.sign(signedBytes(head.bytes, hash.digest())), at);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(target, { force: true });
    throw error;
  }
}

/**
 * Opens a checkpoint, a MiB at a time. What was written is of use only when this is kept: its signature comes last.
 * @param state where it begins in its file; `disk` where the checkpoint has one
 * @throws {CheckpointError} when one bit of it is not as it was, it was cut off or is longer, or `fileKey` is another's
 */
export async function openCheckpoint(
  source: string,
  fileKey: Uint8Array,
  state: { file: FileHandle; at: number },
  disk: { file: FileHandle; at: number } | undefined,
): Promise<void> {
  const file = await open(source, "r");
  try {
    const head = await readCheckpointHead(file);
    const { header } = head;
    if ((await file.stat()).size !== checkpointBytes(head))
      throw new CheckpointError("checkpoint", "is not as long as its header says");
    const hash = createHash("sha256");
    const key = payloadKey(fileKey, head.bytes);
    const plain = plainBytes(header);
    const write = async (bytes: Uint8Array, from: number) => {
      const ofState = bytes.subarray(0, Math.max(0, header.stateBytes - from));
      await writeAll(state.file, ofState, state.at + from);
      if (!disk || ofState.length === bytes.length) return;
      const rest = bytes.subarray(ofState.length);
      await writeAll(disk.file, rest, disk.at + from + ofState.length - header.stateBytes);
    };
    let at = head.bytes.length;
    for (let from = 0; from < plain; from += PIECES * PIECE_BYTES) {
      const length = Math.min(plain - from, PIECES * PIECE_BYTES);
      const pieces = Math.ceil(length / PIECE_BYTES);
      const sealed = await bytesAt(file, at, length + pieces * TAG_BYTES);
      at += sealed.length;
      hash.update(sealed);
      await write(openBlock(sealed, key, from / PIECE_BYTES, from + length === plain), from);
    }
    const signature = await bytesAt(file, at, SIGNATURE_BYTES);
    const box = Buffer.from(header.savedBy, "hex");
    if (!verify(box, signedBytes(head.bytes, hash.digest()), signature))
      throw new CheckpointError("checkpoint.signature", "is not of the box that it names");
  } finally {
    await file.close();
  }
}

const signedBytes = (head: Uint8Array, sealed: Uint8Array): Uint8Array =>
  Buffer.concat([SIGNED, sha256(head), sealed]);

function openBlock(sealed: Uint8Array, key: Uint8Array, firstIndex: number, hasLast: boolean): Uint8Array {
  // One that cannot be loaded is not the checkpoint's fault.
  const library = sodium();
  const pieces = Math.ceil(sealed.length / (PIECE_BYTES + TAG_BYTES));
  const plain = Buffer.allocUnsafe(Math.max(0, sealed.length - pieces * TAG_BYTES));
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = sealed.subarray(piece * (PIECE_BYTES + TAG_BYTES)).subarray(0, PIECE_BYTES + TAG_BYTES);
    const isLast = hasLast && piece === pieces - 1;
    if (from.length <= TAG_BYTES) throw new CheckpointError("checkpoint", "is cut off");
    const to = plain.subarray(piece * PIECE_BYTES).subarray(0, from.length - TAG_BYTES);
    try {
      const nonce = nonceOf(firstIndex + piece, isLast);
      library.crypto_aead_chacha20poly1305_ietf_decrypt(to, null, from, null, nonce, key);
    } catch {
      throw new CheckpointError("checkpoint", "was changed, or its key is another");
    }
  }
  return plain;
}

/** Blocks of a MiB, the last one shorter, whatever lies in which file. */
async function* blocksOf(runs: readonly FileRun[]): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafe(PIECES * PIECE_BYTES);
  let filled = 0;
  for (const { file, from, bytes } of runs)
    for (let done = 0; done < bytes; ) {
      const got = await bytesAt(file, from + done, Math.min(bytes - done, block.length - filled));
      if (got.length === 0)
        throw new CheckpointError("checkpoint", "what is to be saved is shorter than it was");
      block.set(got, filled);
      done += got.length;
      filled += got.length;
      if (filled < block.length) continue;
      yield block;
      block = Buffer.allocUnsafe(PIECES * PIECE_BYTES);
      filled = 0;
    }
  if (filled > 0) yield block.subarray(0, filled);
}
