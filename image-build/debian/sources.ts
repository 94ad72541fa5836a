import { run } from "../../src/host/run.ts";

/** What images are made of. */
export const SUITE = "trixie";

/** Firmware of radios is in the second. */
const COMPONENTS = "main non-free-firmware";

/** A place where this machine's apt gets Debian from. */
export interface AptTarget {
  origin: string;
  uri: string;
  /** Such as `bookworm`, `bookworm-updates`, `bookworm-security`. */
  suite: string;
}

/** @returns what apt reads on this machine; nothing where apt is not there or knows of no list */
export async function aptTargets(): Promise<AptTarget[]> {
  if (Bun.which("apt-get") === null) return [];
  const format = "$(ORIGIN)\t$(REPO_URI)\t$(RELEASE)";
  const text = await run(["apt-get", "indextargets", "--format", format, "Created-By: Packages"], {
    timeoutMs: 60_000,
  });
  return text
    .split("\n")
    .map((line) => line.split("\t"))
    .flatMap(([origin, uri, suite]) => (origin && uri && suite ? [{ origin, uri, suite }] : []));
}

/**
 * Lines for apt (sources.list(5)) that have `suite` from where this machine has its own Debian, whatever release that is.
 * @returns none where this machine has no Debian: then mmdebstrap's own choice counts
 */
export function sourceLines(targets: readonly AptTarget[], suite: string): string[] {
  const own = targets.filter(({ origin }) => origin === "Debian");
  return ["", "-updates", "-security"].flatMap((ending) => {
    const uris = own
      .filter((target) => kindOf(target.suite) === ending)
      .map(({ uri }) => uri.replace(/\/$/, ""));
    return [...new Set(uris)].sort().map((uri) => `deb ${uri} ${suite}${ending} ${COMPONENTS}`);
  });
}

/** Backports and what is only proposed are left out. */
function kindOf(suite: string): string | undefined {
  return /^[a-z]+(|-updates|-security)$/.exec(suite)?.[1];
}
