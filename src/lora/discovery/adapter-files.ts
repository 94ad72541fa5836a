import { lstatSync, realpathSync, statSync } from "node:fs";

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

/**
 * What two names of one device have in common, whether one is a link to the other or both are files for it.
 * @returns undefined when nothing is there
 */
export function deviceIdentity(path: string): string | undefined {
  try {
    const file = statSync(path);
    return file.isCharacterDevice() ? `device:${file.rdev}` : `file:${realpathSync(path)}`;
  } catch {
    return undefined;
  }
}
