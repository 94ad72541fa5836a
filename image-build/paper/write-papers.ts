import { statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readLock } from "../app/npm-lock.ts";
import type { BuiltImage } from "../build-image.ts";
import { SUITE } from "../debian/sources.ts";
import type { Progress } from "../host/progress.ts";
import { runLong } from "../host/run-long.ts";
import type { ImageOptions } from "../options.ts";
import type { Signer } from "../rauc/signing.ts";
import { checksums, sha256Of } from "./checksums.ts";
import { debianPackages } from "./debian-packages.ts";
import { osListEntry } from "./os-list.ts";
import { spdxDocument } from "./sbom.ts";
import { signFile } from "./sign.ts";

const PACK_TIMEOUT_MS = 3_600_000;

export interface Papers {
  /** The packed image, where one was asked for. */
  packed: string | undefined;
  sbom: string;
  sums: string;
  signature: string;
  debianCount: number;
  npmCount: number;
}

/** Writes what goes with an image: what it is made of, checksums, a signature, and on request the packed image with its entry. */
export async function writePapers(
  project: string,
  built: BuiltImage,
  { board, isPacked }: ImageOptions,
  signer: Signer,
  progress: Progress,
): Promise<Papers> {
  const folder = dirname(built.image);
  const name = basename(built.image, ".img");
  const { version, seconds } = built;
  const debian = debianPackages(built.base, built.unpacked);
  const lock = readLock(project);
  const npm = built.npmPlaces.flatMap((place) => lock.get(place) ?? []);
  const sbom = join(folder, `${name}.spdx.json`);
  await Bun.write(sbom, spdxDocument({ name, version, seconds, debian, npm, suite: SUITE }));
  const files = [built.image, sbom];
  let packed: string | undefined;
  if (isPacked) {
    progress.step("the packed image");
    packed = `${built.image}.xz`;
    await runLong(["xz", "-6", "-T0", "-k", "-f", built.image], { progress, timeoutMs: PACK_TIMEOUT_MS });
    const list = join(folder, `${name}.os_list.json`);
    const entry = osListEntry({
      ...{ board, version, seconds, file: basename(packed) },
      packedBytes: statSync(packed).size,
      packedSha256: await sha256Of(packed),
      bytes: statSync(built.image).size,
      sha256: await sha256Of(built.image),
    });
    await Bun.write(list, entry);
    files.push(packed, list);
  }
  progress.step("checksums and the signature");
  const sums = join(folder, `${name}.SHA256SUMS`);
  await Bun.write(sums, await checksums(files));
  const signature = await signFile(sums, signer);
  return { packed, sbom, sums, signature, debianCount: debian.length, npmCount: npm.length };
}
