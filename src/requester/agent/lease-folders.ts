import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../host/run.ts";
import { needPrograms } from "../needed-programs.ts";
import { knownHostsFile, knownHostsText, ownKeyFile } from "./ssh-access.ts";

/** What of leases lies on this machine beside their state: a folder each, gone with the lease. */
export class LeaseFolders {
  constructor(private readonly folder: string) {}

  of(lease: string): string {
    return join(this.folder, lease);
  }

  /** A key that is this lease's alone. @returns its public half, as a line @throws {MissingProgramError} @throws {RunError} */
  async makeKey(lease: string): Promise<string> {
    needPrograms(["ssh-keygen"]);
    mkdirSync(this.of(lease), { recursive: true, mode: 0o700 });
    const file = ownKeyFile(this.of(lease));
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
    return readFileSync(`${file}.pub`, "utf8").trim();
  }

  /** From now on this is the machine's key, whatever it was before. */
  knowHost(lease: string, hostKey: string): void {
    mkdirSync(this.of(lease), { recursive: true, mode: 0o700 });
    writeFileSync(knownHostsFile(this.of(lease)), knownHostsText(lease, hostKey), { mode: 0o600 });
  }

  remove(lease: string): void {
    rmSync(this.of(lease), { recursive: true, force: true });
  }

  /** Removes those of leases that there are no more. */
  sweep(live: ReadonlySet<string>): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.folder)) if (!live.has(name)) this.remove(name);
  }
}
