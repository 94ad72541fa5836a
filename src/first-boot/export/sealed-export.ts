import { MIN_PASSPHRASE_CHARS } from "../../identity/backup.ts";
import { stateFiles, type Unexported } from "./state-files.ts";
import { TAR_END, TarPathError, tarred } from "./tar.ts";

/** An export that cannot be made. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** As the keys' own export (src/identity/backup.ts): 64 MiB, which a small board has. */
const WORK_FACTOR = 16;

export interface ExportOptions {
  stateFolder: string;
  passphrase: string;
  wallMs: number;
  /** Told of files that are left out because they cannot be read. */
  lost: (file: Unexported) => void;
  /** Less work, for tests. */
  workFactor?: number;
}

/**
 * All that a box keeps, as a tar in an age file with a passphrase: `age --decrypt FILE | tar -x` opens it. It is made while
 * it is read, a file at a time.
 * @throws {ExportError} when the passphrase is too short
 */
export async function sealedExport(options: ExportOptions): Promise<ReadableStream<Uint8Array>> {
  const { stateFolder, passphrase, wallMs, lost, workFactor = WORK_FACTOR } = options;
  const length = [...passphrase].length;
  if (length < MIN_PASSPHRASE_CHARS)
    throw new ExportError(
      `passphrase: ${length} characters; it needs at least ${MIN_PASSPHRASE_CHARS}, five random words are better`,
    );
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return await encrypter.encrypt(streamOf(chunks(stateFolder, wallMs / 1_000, lost)));
}

function* chunks(folder: string, seconds: number, lost: ExportOptions["lost"]): Generator<Uint8Array> {
  for (const entry of stateFiles(folder, lost)) {
    try {
      yield tarred(entry, seconds);
    } catch (error) {
      if (!(error instanceof TarPathError)) throw error;
      lost({ path: entry.path, why: error.message });
    }
  }
  yield TAR_END;
}

/** What is asked for one at a time, as a stream. */
function streamOf(parts: Iterator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}
