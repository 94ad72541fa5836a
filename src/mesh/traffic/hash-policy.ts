import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Runner } from "./queue-applier.ts";

/** By what a packet's way is chosen: 1, its addresses and ports, so that a connection keeps to one (networking/ip-sysctl). */
const BY_CONNECTION = "1";
const PATHS = ["ipv4", "ipv6"].map((family) => `/proc/sys/net/${family}/fib_multipath_hash_policy`);

/** What stood in each file. */
const note = z.array(z.tuple([z.enum(PATHS), z.string().regex(/^\d{1,3}$/)])).max(PATHS.length);

/**
 * The kernel's parameter by which connections keep to one way while several are used. What it was stands in a file that goes
 * with a restart of the machine, as the parameter itself does: so a daemon that follows one which was killed puts it back.
 */
export class HashPolicy {
  private readonly path: string;

  /** @param folder where files are that are gone after a restart of the machine */
  constructor(
    private readonly run: Runner,
    private readonly folder: string,
  ) {
    this.path = join(folder, "uplinks-hash-policy.json");
  }

  async set(): Promise<void> {
    const before = this.noted();
    for (const path of PATHS) {
      const { exitCode, stdout } = await this.run(["cat", path]);
      // A kernel without IPv6 has none. What a killed daemon has noted is older, and what stood there before it.
      if (exitCode === 0 && !before.has(path)) before.set(path, stdout.trim());
    }
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(this.path, JSON.stringify([...before]));
    for (const path of before.keys()) await this.write(path, BY_CONNECTION);
  }

  /** Nothing where nothing was set. */
  async putBack(): Promise<void> {
    for (const [path, value] of this.noted()) await this.write(path, value);
    rmSync(this.path, { force: true });
  }

  /** A note that is torn or somebody else's is none. */
  private noted(): Map<string, string> {
    try {
      return new Map(note.parse(JSON.parse(readFileSync(this.path, "utf8"))));
    } catch {
      return new Map();
    }
  }

  /** By a program, as everything here, so that it is done in the network namespace that programs are run in. */
  private async write(path: string, value: string): Promise<void> {
    await this.run(["sh", "-c", 'echo "$1" > "$2"', "sh", value, path]);
  }
}
