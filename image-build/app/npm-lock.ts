import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** One package of `package-lock.json`, as far as it is of use here (npm's documentation, "package-lock.json"). */
export interface LockedPackage {
  name: string;
  version: string;
  /** A hash of its archive, as in "Subresource Integrity". */
  integrity: string;
  licence: string | undefined;
  /** Only for building and testing. */
  isForDevelopment: boolean;
  dependencies: readonly string[];
}

const lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      dependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

/** @returns by where they lie, such as `node_modules/hono` */
export function readLock(project: string): Map<string, LockedPackage> {
  const { packages } = lockfile.parse(JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8")));
  return new Map(
    Object.entries(packages).flatMap(([place, { version, integrity, license, dev, dependencies }]) => {
      const name = place.split("node_modules/").at(-1);
      if (!name || version === undefined || integrity === undefined) return [];
      const locked = {
        ...{ name, version, integrity, licence: license, isForDevelopment: dev ?? false },
        dependencies: Object.keys(dependencies ?? {}),
      };
      return [[place, locked]];
    }),
  );
}
