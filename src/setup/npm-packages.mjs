import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runShown } from "./run-shown.mjs";

/**
 * Installs the npm packages of the lockfile, unless they are there already.
 * @param {string} root the project's folder
 */
export async function ensureNpmPackages(root) {
  const stamp = join(root, "node_modules/.omerta-box-lock");
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const bun = join(root, "node_modules/.bin/bun");
  if (existsSync(bun) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  process.stderr.write("Installing npm packages from the lockfile (once; about a minute)\n");
  await runShown(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: root });
  writeFileSync(stamp, wanted);
}
