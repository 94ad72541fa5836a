import { existsSync } from "node:fs";
import { run, tryRun } from "../../src/host/run.ts";
import { type Architecture, NODE_ARCHITECTURE } from "../board.ts";

const BINFMT = "/proc/sys/fs/binfmt_misc";
const INTERPRETER: Record<Architecture, string> = { amd64: "qemu-x86_64", arm64: "qemu-aarch64" };

/**
 * Packages' programs run while they are installed: for another processor than this machine's, by QEMU's user mode, which the
 * kernel has to be told of (Debian's qemu-user-static, binfmt-support).
 * @throws {Error} with what to install when it cannot
 */
export async function ensureEmulation(architecture: Architecture): Promise<void> {
  if (process.arch === NODE_ARCHITECTURE[architecture]) return;
  const name = INTERPRETER[architecture];
  const isThere = () => existsSync(`${BINFMT}/${name}`);
  if (isThere()) return;
  if (process.getuid?.() === 0) {
    if (!existsSync(`${BINFMT}/status`)) await tryRun(["mount", "-t", "binfmt_misc", "none", BINFMT]);
    await tryRun(["update-binfmts", "--import", name]);
    await tryRun(["update-binfmts", "--enable", name]);
  }
  if (isThere()) return;
  const found = await run(["dpkg", "--print-architecture"]);
  throw new Error(
    `this machine (${found.trim()}) cannot run programs for ${architecture}: as root, apt-get install qemu-user-static binfmt-support, and update-binfmts --enable ${name}`,
  );
}
