import { beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";
import { DataScript, system, trySystem } from "./data-script.ts";

const scratch = scratchFolders();
const MIB = 1_048_576;
const FILE_SYSTEM_MIB = 24;
const TIMEOUT_MS = 120_000;

/** A disk with the layout of the image (image-build/disk/layout.ts), smaller. */
async function newDisk(folder: string): Promise<string> {
  const disk = join(folder, "disk.img");
  writeFileSync(disk, "");
  truncateSync(disk, 64 * MIB);
  const lines = [
    "label: dos",
    "label-id: 0x6f6d7274",
    "start=2048, size=8192, type=c",
    "start=10240, size=8192, type=c",
    "start=18432, size=8192, type=c",
    "start=26624, size=104448, type=f",
    "start=28672, size=16384, type=83",
    "start=47104, size=16384, type=83",
    "start=65536, size=65536, type=83",
  ];
  await system(["sfdisk", "-q", disk], `${lines.join("\n")}\n`);
  return disk;
}

const tableOf = async (disk: string): Promise<string[]> =>
  (await system(["sfdisk", "-d", disk])).split("\n").filter((line) => line.includes("start="));

/** All tables stand before the data partition. */
const TABLES_BYTES = 65_536 * 512;

function tablesIn(disk: string): Buffer {
  const bytes = Buffer.alloc(TABLES_BYTES);
  const handle = openSync(disk, "r");
  readSync(handle, bytes, 0, TABLES_BYTES, 0);
  closeSync(handle);
  return bytes;
}

function putTables(disk: string, bytes: Buffer): void {
  const handle = openSync(disk, "r+");
  writeSync(handle, bytes, 0, TABLES_BYTES, 0);
  closeSync(handle);
}

const uuidOf = async (part: string) =>
  (await trySystem(["blkid", "-p", "-o", "value", "-s", "UUID", part])).stdout;
const isWhole = async (part: string) => (await trySystem(["e2fsck", "-f", "-n", part])).exitCode === 0;
const contentOf = async (part: string, path: string) =>
  (await trySystem(["debugfs", "-R", `cat /${path}`, part])).stdout;

describeNeeding(["program:sfdisk", "program:mke2fs", "program:debugfs"], "The data partition", () => {
  let original = "";

  beforeAll(async () => {
    const folder = scratch();
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "omerta-box/networks"), { recursive: true });
    writeFileSync(join(tree, "omerta-box/device-key.json"), '{"privateKey":"the key"}\n');
    writeFileSync(join(tree, "omerta-box/networks/d8028708962b6e01.json"), '{"name":"Valley"}\n');
    for (let n = 0; n < 200; n += 1)
      writeFileSync(join(tree, `omerta-box/other-${n}`), `${n} `.repeat(1_000));
    original = join(folder, "data.img");
    await system([
      "mke2fs",
      "-q",
      "-t",
      "ext4",
      "-L",
      "omerta-data",
      "-d",
      tree,
      original,
      `${FILE_SYSTEM_MIB}M`,
    ]);
  }, TIMEOUT_MS);

  function damaged(change?: (bytes: Buffer) => void) {
    const folder = scratch();
    const part = join(folder, "data.img");
    copyFileSync(original, part);
    if (change) {
      const bytes = readFileSync(part);
      change(bytes);
      writeFileSync(part, bytes);
    }
    return { folder, part };
  }

  test(
    "grows to the end of the card, once, and every other partition stays where it is",
    async () => {
      const folder = scratch();
      const disk = await newDisk(folder);
      truncateSync(disk, 80 * MIB);
      const before = await tableOf(disk);
      const script = new DataScript(folder);
      await script.run("grow", disk);
      const after = await tableOf(disk);
      expect(after.filter((_, index) => ![3, 6].includes(index))).toEqual(
        before.filter((_, index) => ![3, 6].includes(index)),
      );
      // 80 MiB are 163,840 sectors.
      expect(after[3]).toMatch(/start= +26624, size= +137216, type=f/);
      expect(after[6]).toMatch(/start= +65536, size= +98304, type=83/);
      const bytes = readFileSync(disk);
      await script.run("grow", disk);
      expect(readFileSync(disk).equals(bytes)).toBe(true);
      expect(script.notes()).toBe("");
    },
    TIMEOUT_MS,
  );

  test(
    "grows to the end wherever power is cut: whatever sectors of the table are on the card, all partitions are there",
    async () => {
      const folder = scratch();
      const disk = await newDisk(folder);
      truncateSync(disk, 80 * MIB);
      const old = tablesIn(disk);
      await new DataScript(folder).run("grow", disk);
      const grown = tablesIn(disk);
      const changed = [];
      for (let at = 0; at < grown.length; at += 512)
        if (!grown.subarray(at, at + 512).equals(old.subarray(at, at + 512))) changed.push(at);
      expect(changed.length).toBeGreaterThanOrEqual(2);
      expect(changed.length).toBeLessThanOrEqual(4);
      const starts = (table: readonly string[]) => table.map((line) => /start= *(\d+)/.exec(line)?.[1]);
      const wanted = starts(await tableOf(disk));
      for (let mask = 0; mask < 2 ** changed.length; mask += 1) {
        const mixed = Buffer.from(old);
        for (const [index, at] of changed.entries())
          if (mask & (1 << index)) grown.copy(mixed, at, at, at + 512);
        // The partition around the data is grown first, and that is on the card before the other is begun.
        if ((mask & 1) === 0 && mask !== 0) continue;
        putTables(disk, mixed);
        expect(starts(await tableOf(disk))).toEqual(wanted);
        await new DataScript(folder).run("grow", disk);
        expect(tablesIn(disk).equals(grown)).toBe(true);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "of a whole file system is left as it is, with nothing to tell",
    async () => {
      const { folder, part } = damaged();
      const script = new DataScript(folder);
      expect((await script.run("care", part)).exitCode).toBe(0);
      expect(script.notes()).toBe("");
      expect(await contentOf(part, "omerta-box/device-key.json")).toContain("the key");
    },
    TIMEOUT_MS,
  );

  test(
    "is repaired when its first block is gone, and that is told",
    async () => {
      const { folder, part } = damaged((bytes) => bytes.fill(0, 0, 2_048));
      const script = new DataScript(folder);
      await script.run("care", part);
      expect(script.notes()).toContain("has been repaired");
      expect(await isWhole(part)).toBe(true);
      expect(await contentOf(part, "omerta-box/device-key.json")).toContain("the key");
    },
    TIMEOUT_MS,
  );

  test(
    "is made anew when nothing can be read, and that is told",
    async () => {
      const random = seededRandom(7);
      const { folder, part } = damaged((bytes) => {
        for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(random() * 256);
      });
      const script = new DataScript(folder);
      await script.run("care", part);
      expect(script.notes()).toContain("made anew: the box has a new key");
      expect(await isWhole(part)).toBe(true);
      expect((await trySystem(["blkid", "-p", "-o", "value", "-s", "LABEL", part])).stdout).toBe(
        "omerta-data\n",
      );
      // The next start has nothing to tell.
      const next = new DataScript(scratch());
      await next.run("care", part);
      expect(next.notes()).toBe("");
    },
    TIMEOUT_MS,
  );

  test(
    "is made anew with the box's key and networks when it cannot be repaired but still be read",
    async () => {
      const { folder, part } = damaged();
      // A program that checks and cannot do its work, as it is with a medium that fails.
      const programs = join(folder, "programs");
      mkdirSync(programs);
      writeFileSync(join(programs, "e2fsck"), "#!/bin/sh\nexit 8\n");
      chmodSync(join(programs, "e2fsck"), 0o755);
      const script = new DataScript(folder, programs);
      await script.run("care", part);
      expect(script.notes()).toContain("The box's key was saved");
      expect(await isWhole(part)).toBe(true);
      expect(await contentOf(part, "omerta-box/device-key.json")).toContain("the key");
      expect(await contentOf(part, "omerta-box/networks/d8028708962b6e01.json")).toContain("Valley");
      expect(await contentOf(part, "omerta-box/other-7")).toBe("");
      expect(existsSync(join(script.runFolder, "saved"))).toBe(false);
    },
    TIMEOUT_MS,
  );

  test(
    "is whole after whatever has happened to it once the kernel has found it wrong, 15 times at random",
    async () => {
      const random = seededRandom(42);
      const upTo = (max: number) => Math.floor(random() * max);
      for (let round = 0; round < 15; round += 1) {
        const { folder, part } = damaged((bytes) => {
          // Most of what there is to know of a file system stands at its beginning.
          const reach = random() < 0.7 ? 2 * MIB : bytes.length;
          for (let hit = 0; hit < 1 + upTo(40); hit += 1) {
            const at = upTo(reach);
            const end = Math.min(bytes.length, at + 1 + upTo(4_096));
            if (random() < 0.5) bytes.fill(0, at, end);
            else for (let byte = at; byte < end; byte += 1) bytes[byte] = upTo(256);
          }
        });
        // As the kernel marks it when it comes upon an error; a file system that passes for clean is not read through at
        // each start.
        await trySystem(["tune2fs", "-f", "-E", "force_fsck", part]);
        const script = new DataScript(folder);
        expect((await script.run("care", part)).exitCode).toBe(0);
        expect(await isWhole(part)).toBe(true);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "is whole in the end when power is cut again and again while it is repaired",
    async () => {
      const random = seededRandom(43);
      const { folder, part } = damaged((bytes) => bytes.fill(0, 0, 600_000));
      const script = new DataScript(folder);
      for (let cut = 0; cut < 12; cut += 1) {
        const running = script.begin("care", part);
        await Bun.sleep(random() * 120);
        try {
          process.kill(-running.pid, "SIGKILL");
        } catch {
          // It was done already.
        }
        await running.exited;
      }
      await script.run("care", part);
      expect(await isWhole(part)).toBe(true);
    },
    TIMEOUT_MS,
  );

  /** A folder in the place of the card, with a request. */
  function cardWith(name: string, text: string) {
    const { folder, part } = damaged();
    const card = join(folder, "card");
    mkdirSync(card);
    if (name !== "") writeFileSync(join(card, name), text);
    return { folder, part, card, script: new DataScript(folder) };
  }

  test(
    "is left alone when nobody asks for a reset",
    async () => {
      const { part, card, script } = cardWith("", "");
      await script.run("forget", card, part);
      expect([script.notes(), readdirSync(card)]).toEqual(["", []]);
      expect(await contentOf(part, "omerta-box/device-key.json")).toContain("the key");
    },
    TIMEOUT_MS,
  );

  test.each(["factory-reset", "factory-reset.txt", "FACTORY-RESET"])(
    "is forgotten once for a file named %s on the card, which is gone then",
    async (name) => {
      const { part, card, script } = cardWith(name, "");
      await script.run("forget", card, part);
      expect(script.notes()).toContain("has been reset");
      expect(readdirSync(card)).toEqual(["factory-reset-done.txt"]);
      expect([await isWhole(part), await contentOf(part, "omerta-box/device-key.json")]).toEqual([true, ""]);
      const id = await uuidOf(part);
      await script.run("forget", card, part);
      expect(await uuidOf(part)).toBe(id);
    },
    TIMEOUT_MS,
  );

  test(
    "is forgotten once and whole wherever power is cut while it is",
    async () => {
      const random = seededRandom(44);
      const { part, card, script } = cardWith("factory-reset", "");
      for (let cut = 0; cut < 20; cut += 1) {
        const running = script.begin("forget", card, part);
        await Bun.sleep(random() * 60);
        try {
          process.kill(-running.pid, "SIGKILL");
        } catch {
          // It was done already.
        }
        await running.exited;
      }
      await script.run("forget", card, part);
      expect(await isWhole(part)).toBe(true);
      expect(await contentOf(part, "omerta-box/device-key.json")).toBe("");
      expect(readdirSync(card)).toEqual(["factory-reset-done.txt"]);
      const id = await uuidOf(part);
      await script.run("forget", card, part);
      expect(await uuidOf(part)).toBe(id);
    },
    TIMEOUT_MS,
  );

  test(
    "is not forgotten when the export that was asked for cannot be made",
    async () => {
      // A file cannot be mounted here as a partition is: the export fails.
      const { part, card, script } = cardWith("factory-reset", "export five quiet words here\n");
      await script.run("forget", card, part);
      expect(script.notes()).toContain("The box was not reset");
      expect(readdirSync(card)).toEqual(["factory-reset-refused.txt"]);
      expect(await contentOf(part, "omerta-box/device-key.json")).toContain("the key");
      expect(existsSync(join(script.runFolder, "passphrase"))).toBe(false);
    },
    TIMEOUT_MS,
  );
});
