import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { runShown } from "./run-shown.mjs";

/** It takes ten seconds of a processor. */
const TIMEOUT_S = 300;

/**
 * Builds libvirt's binding for Node, an optional dependency, where there is what that takes (Debian's libvirt-dev, g++, make and
 * python3). It is not built when it is installed: its own way there fetches a program from elsewhere first, unsigned and without
 * a time-out. What needs it does without where this fails.
 * @param {string} root the project's folder
 */
export async function ensureLibvirtBinding(root) {
  const folder = join(root, "node_modules/@unraid/libvirt");
  const isThere = existsSync(join(folder, "binding.gyp")) && existsSync("/usr/include/libvirt/libvirt.h");
  if (!isThere || existsSync(join(folder, "build/Release/libvirt.node"))) return;
  process.stderr.write("Building libvirt's binding (once)\n");
  try {
    // npm has node-gyp. The group that timeout(1) makes is ended as a whole, the compiler with it.
    await runShown(["timeout", "--kill-after=5", `${TIMEOUT_S}`, "npm", "run", "build/native"], {
      cwd: folder,
      env: headersBeside(process.execPath),
      quiet: true,
    });
  } catch (error) {
    // What was half built is no binding.
    rmSync(join(folder, "build"), { recursive: true, force: true });
    process.stderr.write(`${error instanceof Error ? error.message : error}\nIt is done without.\n\n`);
  }
}

/**
 * Node's own headers, where they came with it: node-gyp would fetch them otherwise.
 * @param {string} node its path
 * @returns {Record<string, string>}
 */
function headersBeside(node) {
  const installed = dirname(dirname(node));
  return existsSync(join(installed, "include/node/node_api.h")) ? { npm_config_nodedir: installed } : {};
}
