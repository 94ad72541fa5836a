import { mkdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { withSbin } from "./fat.ts";
import { partition, SECTOR } from "./layout.ts";

/** The same in each image; a box that wants its own gives it itself one. */
const UUID = "6f6d6572-7461-4d64-8174-610000000001";
const TIMEOUT_MS = 60_000;
/** What is bound into the volatile system: folders of the same name stand in rootfs-overlay's mount units. */
const FOLDERS = ["omerta-box", "systemd"];

/** Makes the ext4 that keeps what has to last, empty but for its folders (mke2fs(8)). */
export async function makeData(file: string, work: string, seconds: number): Promise<void> {
  const { sectors } = partition("data");
  const folder = join(work, "data.files");
  rmSync(folder, { recursive: true, force: true });
  rmSync(file, { force: true });
  for (const name of FOLDERS) mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
  for (const name of [...FOLDERS, "."]) utimesSync(join(folder, name), seconds, seconds);
  await run(
    [
      ...["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "omerta-data", "-U", UUID, "-m", "1"],
      // Room to grow to a disk of any size while it is mounted.
      ...["-E", `hash_seed=${UUID},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,resize=268435456`],
      ...["-d", folder, file, `${(sectors * SECTOR) / 1024}k`],
    ],
    { env: { E2FSPROGS_FAKE_TIME: String(seconds), TZ: "UTC", PATH: withSbin() }, timeoutMs: TIMEOUT_MS },
  );
}
