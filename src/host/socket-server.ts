import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Server } from "bun";

/** The longest path that a Unix socket can have on Linux, in bytes (unix(7): sun_path holds 108 with its end). */
const MAX_SOCKET_PATH = 107;

/**
 * Serves HTTP on a Unix socket that only one user can open.
 * @param owner the user's and group's ids; undefined for the daemon's own
 * @param idleTimeoutS an exchange in which nothing passes for so long is cut off, an answer that takes longer too; 0: never
 * @throws Error when the path is too long for a socket
 */
export function serveSocket(
  path: string,
  fetch: (request: Request) => Response | Promise<Response>,
  owner?: { uid: number; gid: number },
  idleTimeoutS = 10,
): Server<undefined> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new Error(
      `${path}: longer than ${MAX_SOCKET_PATH} bytes, too long for a socket; choose another run folder`,
    );
  }
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  // Bun heeds it on Unix sockets too, which its types do not know.
  const limits: object = { idleTimeout: idleTimeoutS };
  const server = Bun.serve({ unix: path, fetch, development: false, ...limits });
  chmodSync(path, 0o600);
  if (owner) chownSync(path, owner.uid, owner.gid);
  return server;
}
