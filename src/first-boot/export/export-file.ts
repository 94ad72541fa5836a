import { type FileHandle, open, rm } from "node:fs/promises";

/**
 * Writes a stream into a new file, and returns when it is on the medium. What is half-written is removed again.
 * @returns its bytes
 * @throws when the file is there already, and what the file system and the stream throw
 */
export async function writeNewFile(path: string, stream: ReadableStream<Uint8Array>): Promise<number> {
  const file = await open(path, "wx", 0o600);
  try {
    const bytes = await writeAll(file, stream);
    await file.sync();
    await file.close();
    return bytes;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw error;
  }
}

async function writeAll(file: FileHandle, stream: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) {
    await file.writeFile(chunk);
    bytes += chunk.length;
  }
  return bytes;
}
