import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "../board.ts";
import { ensureEmulation } from "../host/emulation.ts";
import type { Progress } from "../host/progress.ts";
import { runLong } from "../host/run-long.ts";
import { type PackageList, packageList } from "./package-list.ts";
import { aptTargets, SUITE, sourceLines } from "./sources.ts";

const HOOK = join(import.meta.dir, "unpack.sh");
/** Debian 13's first day. Only what the packages' own programs write down has it; the image's times are the commit's. */
const WRITTEN_AT_S = 1_754_697_600;
/** Emulated, an arm64 system takes minutes where the machine's own takes one. */
const TIMEOUT_MS = 5_400_000;

export interface BaseOptions {
  project: string;
  board: Board;
  /** A folder that is kept. */
  cache: string;
  /** With the packages of today, whatever is there. */
  again: boolean;
  progress: Progress;
}

/** Debian's part of the image. */
export interface Base {
  /** A tar with the installed packages, and the others below `unpacked`. */
  tar: string;
  packages: PackageList;
}

/**
 * Installs and unpacks the board's packages with mmdebstrap(1): where this machine's apt gets Debian from, and else from
 * where mmdebstrap does. What was built from the same list is taken as it is.
 * @throws {RunError} when it does not succeed
 */
export async function debianBase({ project, board, cache, again, progress }: BaseOptions): Promise<Base> {
  const packages = packageList(project, board);
  const overlay = join(project, "rootfs-overlay");
  const tar = join(cache, `base-${board.name}-${keyOf(packages, overlay)}.tar`);
  if (existsSync(tar) && !again) return { tar, packages };
  await ensureEmulation(board.architecture);
  const debs = join(cache, `debs-${board.architecture}`);
  mkdirSync(debs, { recursive: true });
  const lines = sourceLines(await aptTargets(), SUITE);
  const mirror = lines.length > 0 ? ["-"] : [];
  const quoted = packages.unpacked.join(" ");
  await runLong(
    [
      "mmdebstrap",
      "--variant=essential",
      `--architectures=${board.architecture}`,
      "--components=main non-free-firmware",
      ...["/etc/apt/trusted.gpg.d", "/usr/share/keyrings"].map((path) => `--keyring=${path}`),
      ...['Apt::Install-Recommends "false"', 'Acquire::Languages "none"', 'Acquire::Retries "5"'].map(
        (option) => `--aptopt=${option}`,
      ),
      "--dpkgopt=force-unsafe-io",
      `--include=${packages.installed.join(",")}`,
      // Packages are kept here, so that another list costs only what is new in it.
      "--skip=essential/unlink",
      '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
      `--setup-hook=sync-in "${debs}" /var/cache/apt/archives/`,
      `--customize-hook=sync-out /var/cache/apt/archives "${debs}"`,
      `--customize-hook="${HOOK}" "$1" "${overlay}" ${quoted}`,
      "--format=tar",
      SUITE,
      `${tar}.unfinished`,
      ...mirror,
    ],
    {
      progress,
      input: lines.map((line) => `${line}\n`).join(""),
      env: { SOURCE_DATE_EPOCH: String(WRITTEN_AT_S), LC_ALL: "C" },
      timeoutMs: TIMEOUT_MS,
    },
  );
  for (const name of readdirSync(cache))
    if (name.startsWith(`base-${board.name}-`) && name.endsWith(".tar")) rmSync(join(cache, name));
  renameSync(`${tar}.unfinished`, tar);
  return { tar, packages };
}

/** With another list, another hook or other users it is another base. What the mirror has newer is not looked for. */
function keyOf(packages: PackageList, overlay: string): string {
  const hash = createHash("sha256").update(JSON.stringify(packages));
  for (const path of [import.meta.path, HOOK, join(overlay, "usr/lib/sysusers.d/omerta-box.conf")])
    hash.update(readFileSync(path)).update("\0");
  return hash.digest("hex").slice(0, 16);
}
