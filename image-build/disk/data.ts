import { rmSync } from "node:fs";
import { run } from "../../src/host/run.ts";
import { withSbin } from "./fat.ts";
import { partition, SECTOR } from "./layout.ts";

/** The same in each image; a box that wants its own gives it itself one. */
const UUID = "6f6d6572-7461-4d64-8174-610000000001";
const TIMEOUT_MS = 60_000;

/** Makes the ext4 that keeps what has to last, empty: with folders, mke2fs(8) before 1.47.2 writes other bytes each time. */
export async function makeData(file: string, seconds: number): Promise<void> {
  const { sectors } = partition("data");
  rmSync(file, { force: true });
  await run(
    [
      ...["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "omerta-data", "-U", UUID, "-m", "1"],
      // Room to grow to a disk of any size while it is mounted.
      ...["-E", `hash_seed=${UUID},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,resize=268435456`],
      ...[file, `${(sectors * SECTOR) / 1024}k`],
    ],
    { env: { E2FSPROGS_FAKE_TIME: String(seconds), TZ: "UTC", PATH: withSbin() }, timeoutMs: TIMEOUT_MS },
  );
}
