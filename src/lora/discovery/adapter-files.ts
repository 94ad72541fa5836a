import { lstatSync, statSync } from "node:fs";

/**
 * What tells one device file from another that has taken its name: an adapter that was unplugged and plugged in again
 * between two looks is a new one.
 * @returns undefined when nothing is there
 */
export function fileIdentity(path: string): string | undefined {
  try {
    const link = lstatSync(path);
    const file = statSync(path);
    // A link's own times change only when it is made; a device file's also by being written to.
    const made = link.isSymbolicLink() ? `${link.ino}:${link.ctimeMs}` : "";
    return `${made}:${file.dev}:${file.ino}:${file.rdev}`;
  } catch {
    return undefined;
  }
}
