import { lstatSync, mkdirSync } from "node:fs";

/**
 * A folder that nobody else can put anything into: in /tmp another user could have been there first.
 * @param mode of a new one
 * @throws Error when it is somebody else's, or others may write to it
 */
export function makeOwnFolder(path: string, mode = 0o755): void {
  mkdirSync(path, { recursive: true, mode });
  const { uid, mode: found } = lstatSync(path);
  const isOurs = uid === process.getuid?.() && (found & 0o170022) === 0o040000;
  if (!isOurs) throw new Error(`${path} must be a folder that only this user can write to`);
}
