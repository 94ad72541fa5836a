import type { Connection } from "@libp2p/interface";

/** A dead peer does not answer to a goodbye; it is left without one after this. */
const GOODBYE_MS = 500;

/** Closes a connection, and is done with it within half a second, also where nobody answers any more. */
export async function closeSoon(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(GOODBYE_MS) });
  } catch {
    // Aborted below.
  }
  if (connection.status !== "closed") connection.abort(new Error("closed"));
}
