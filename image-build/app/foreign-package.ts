import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import type { LockedPackage } from "./npm-lock.ts";

const DOWNLOAD_TIMEOUT_MS = 600_000;

export class IntegrityError extends Error {
  override readonly name = "IntegrityError";
}

/**
 * Gets a package that npm does not install here, because it is for another processor, and unpacks it; once.
 * @param cache a folder for such packages
 * @returns the folder with its contents
 * @throws {IntegrityError} when its hash is not the lockfile's
 * @throws {RunError} when npm cannot get it
 */
export async function foreignPackage(locked: LockedPackage, cache: string): Promise<string> {
  const { name, version, integrity } = locked;
  const folder = join(cache, `${name.replaceAll("/", "+")}-${version}`);
  if (existsSync(folder)) return folder;
  const work = `${folder}.unfinished`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  await run(["npm", "pack", "--silent", "--pack-destination", work, `${name}@${version}`], {
    cwd: work,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  const archive = readdirSync(work).find((file) => file.endsWith(".tgz"));
  if (archive === undefined) throw new IntegrityError(`${name}: npm has left no archive`);
  const [algorithm = "", expected] = integrity.split("-");
  const found = createHash(algorithm)
    .update(readFileSync(join(work, archive)))
    .digest("base64");
  if (found !== expected) throw new IntegrityError(`${name}@${version} is not what the lockfile says`);
  await run(["tar", "-xzf", archive, "--no-same-owner"], { cwd: work, timeoutMs: DOWNLOAD_TIMEOUT_MS });
  renameSync(join(work, "package"), folder);
  rmSync(work, { recursive: true, force: true });
  return folder;
}
