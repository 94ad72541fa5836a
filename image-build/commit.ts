import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { tryRun } from "../src/host/run.ts";

/** What an image is built from. */
export interface Commit {
  /** A semantic version such as `0.1.0+20261129043504.986bb15`. */
  version: string;
  /** When it was made, since 1970: the time of all files. */
  seconds: number;
}

/** For a tree without git: the day of Debian 13. */
const UNKNOWN_SECONDS = 1_754_697_600;

/** SOURCE_DATE_EPOCH counts before git (reproducible-builds.org/specs/source-date-epoch). */
export async function readCommit(project: string): Promise<Commit> {
  const { exitCode, stdout } = await tryRun(["git", "-C", project, "log", "-1", "--format=%h %ct"]);
  const [hash, seconds] = exitCode === 0 ? stdout.trim().split(" ") : [];
  const given = process.env.SOURCE_DATE_EPOCH;
  // By the day and time of the commit it is known which of two builds of one version is the newer.
  const made = new Date(Number(seconds ?? 0) * 1_000).toISOString().replace(/\D/g, "").slice(0, 14);
  return {
    version: hash ? `${packageJson.version}+${made}.${hash}` : packageJson.version,
    seconds: Number(given ?? seconds ?? UNKNOWN_SECONDS),
  };
}

/** Where large things are kept between builds. */
export const cacheOf = (project: string): string => join(project, "node_modules/.cache/image");
