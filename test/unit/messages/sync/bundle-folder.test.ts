import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "../../../../src/host/run.ts";
import { PRIORITIES } from "../../../../src/messages/bundle/bundle.ts";
import { encodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import type { BundleStore } from "../../../../src/messages/custody/bundle-store.ts";
import { encodeBatchHead, encodeBatchRecord } from "../../../../src/messages/sync/batch-file.ts";
import { FolderError } from "../../../../src/messages/sync/bundle-folder.ts";
import { exportFolder } from "../../../../src/messages/sync/folder-export.ts";
import { importFolder } from "../../../../src/messages/sync/folder-import.ts";
import { describeNeeding } from "../../../needs.ts";
import { scratchFolders } from "../../scratch.ts";
import { openStand } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";
import { bundleNumber, heldIn, holding, newStore, numbered } from "./numbered-bundles.ts";

const newFolder = scratchFolders();
const noClock = () => 0;
const leave = (custody: BundleStore, folder: string, nowS = noClock) =>
  exportFolder({ custody, folder, nowS });
const fetch = (custody: BundleStore, folder: string, nowS = noClock) =>
  importFolder({ custody, folder, label: "stick", nowS });
const messages = (folder: string) => join(folder, "omerta-messages");
const batch = (...encoded: Uint8Array[]) =>
  Buffer.concat([
    encodeBatchHead(0),
    ...encoded.map((each) => encodeBatchRecord({ ageS: 1, encoded: each })),
  ]);

describe("A stick", () => {
  test("carries bundles from box to box, with their ages, once", async () => {
    const [stick, one, other] = [newFolder(), await holding(...numbered(0, 20)), newStore()];
    expect(await leave(one, stick)).toEqual({ written: 20, there: 0, left: 0 });
    expect(await fetch(other, stick)).toEqual({
      taken: 20,
      known: 0,
      refused: 0,
      reasons: {},
      damagedFiles: 0,
    });
    expect(other.ids()).toEqual(one.ids());
    // Of 1.5 s at the export the next whole second: no bundle grows younger on its way.
    expect(heldIn(other).map(({ ageMs }) => ageMs)).toEqual(Array(20).fill(2_000));
    expect(await fetch(other, stick)).toMatchObject({ taken: 0, known: 20 });
  });

  test("brings what only an operator may say together with the certificates by which they may", async () => {
    const stick = newFolder();
    const operator = new Writer(90, "box");
    const notice = operator.notice("leave the valley", { priority: "sos" });
    mkdirSync(messages(stick));
    const chain = operator.write("credentials", { chain: new Uint8Array([1]) });
    writeFileSync(join(messages(stick), "messages-00001.omb"), batch(notice.encoded, chain.encoded));
    const known = new Set<string>();
    const { store } = openStand({ speaksFor: (key) => known.has(Buffer.from(key).toString("hex")) });
    store.onNew(({ bundle }) => void (bundle.kind === "credentials" && known.add(operator.hex)));
    expect(await fetch(store, stick)).toMatchObject({ taken: 2, refused: 0 });
    expect(store.get(notice.id)).toBeDefined();
  });

  test("makes no call for help expire by a clock that is wrong", async () => {
    const stick = newFolder();
    const sos = new Writer(1).sos("help");
    const first = openStand();
    await first.take(sos, undefined, 86_400_000);
    const nowS = 1_800_000_000;
    await leave(first.store, stick, () => nowS);
    for (const [laterS, ageDays] of [
      [2 * 365 * 86_400, 1],
      [20 * 86_400, 4],
      [2 * 86_400, 3],
    ] as const) {
      const { store } = openStand();
      expect(await fetch(store, stick, () => nowS + laterS)).toMatchObject({ taken: 1 });
      expect(store.get(sos.id)?.ageMs).toBe(ageDays * 86_400_000);
    }
  });

  test("gets what it has not, leaves what it has as it is, and says what it is for", async () => {
    const stick = newFolder();
    await leave(await holding(...numbered(0, 10)), stick);
    const before = readFileSync(join(messages(stick), "messages-00001.omb"));
    expect(await leave(await holding(...numbered(5, 10)), stick)).toEqual({ written: 5, there: 10, left: 0 });
    expect(await leave(await holding(...numbered(0, 15)), stick)).toEqual({ written: 0, there: 15, left: 0 });
    expect(readdirSync(messages(stick)).sort()).toEqual([
      "README.txt",
      "messages-00001.omb",
      "messages-00002.omb",
    ]);
    expect(readFileSync(join(messages(stick), "messages-00001.omb"))).toEqual(before);
    expect(readFileSync(join(messages(stick), "README.txt"), "utf8")).toContain(
      "Carry it to another Omerta box",
    );
  });

  test("may be named by the folder on it, and its README is the owner's to write", async () => {
    const stick = newFolder();
    mkdirSync(messages(stick));
    writeFileSync(join(messages(stick), "README.txt"), "mine");
    await leave(await holding(...numbered(0, 3)), messages(stick));
    expect(readFileSync(join(messages(stick), "README.txt"), "utf8")).toBe("mine");
    expect(await fetch(newStore(), messages(stick))).toMatchObject({ taken: 3 });
    expect(existsSync(messages(messages(stick)))).toBe(false);
  });

  test("has calls for help before everything else", async () => {
    const calls = [90, 91].map((number) => bundleNumber(number, { kind: "sos" }));
    const [stick, custody] = [newFolder(), await holding(...numbered(0, 30), ...calls)];
    await leave(custody, stick);
    const other = newStore();
    await fetch(other, stick);
    const ranks = heldIn(other).map(({ bundle }) => PRIORITIES.indexOf(bundle.priority));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(ranks.slice(0, 3)).toEqual([0, 0, 1]);
  });

  test("ages bundles on its way where both boxes trust their clocks, and else does not", async () => {
    const stick = newFolder();
    const at = (seconds: number) => () => 1_800_000_000 + seconds;
    await leave(await holding(...numbered(0, 1)), stick, at(0));
    const ageS = async (nowS: () => number) => {
      const custody = newStore();
      await fetch(custody, stick, nowS);
      return heldIn(custody).map(({ ageMs }) => ageMs / 1_000);
    };
    expect(await ageS(at(3_600))).toEqual([3_602]);
    expect(await ageS(noClock)).toEqual([2]);
    expect(await ageS(at(-3_600))).toEqual([2]);
    // Of what it had left at most half.
    expect(await ageS(at(86_400))).toEqual([43_201]);
  });

  test("holds more than a file's worth in several", async () => {
    const [stick, other] = [newFolder(), newStore()];
    const long = Array.from({ length: 320 }, (_, number) => bundleNumber(number, { text: "🌊".repeat(900) }));
    await leave(await holding(...long), stick);
    const names = readdirSync(messages(stick)).filter((name) => name.endsWith(".omb"));
    expect(names.sort()).toEqual(["messages-00001.omb", "messages-00002.omb"]);
    for (const name of names)
      expect(readFileSync(join(messages(stick), name)).length).toBeLessThanOrEqual(2 ** 20);
    expect(await fetch(other, stick)).toMatchObject({ taken: 320, damagedFiles: 0 });
  });
});

describe("A stick that is broken or hostile", () => {
  test("gives what is whole of a torn file, and the rest is written again", async () => {
    const [stick, other] = [newFolder(), newStore()];
    await leave(await holding(...numbered(0, 10)), stick);
    const file = join(messages(stick), "messages-00001.omb");
    truncateSync(file, readFileSync(file).length - 50);
    expect(await fetch(other, stick)).toMatchObject({ taken: 9, damagedFiles: 1 });
    expect(await leave(await holding(...numbered(0, 10)), stick)).toEqual({ written: 1, there: 9, left: 0 });
    expect(await fetch(other, stick)).toMatchObject({ taken: 1, known: 9 });
  });

  test("changes no age unseen", async () => {
    const stick = newFolder();
    await leave(await holding(...numbered(0, 1)), stick);
    const file = join(messages(stick), "messages-00001.omb");
    const bytes = readFileSync(file);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(file, changed);
      expect(await fetch(newStore(), stick)).toMatchObject({ taken: 0, refused: 0, damagedFiles: 1 });
    }
  });

  test("has links, pipes, folders and strange files that nobody follows, waits for or trusts", async () => {
    const stick = newFolder();
    const folder = messages(stick);
    await leave(await holding(...numbered(0, 2)), stick);
    const secret = join(newFolder(), "secret.omb");
    writeFileSync(secret, batch(encodeBundle(bundleNumber(7))));
    symlinkSync(secret, join(folder, "messages-00002.omb"));
    symlinkSync("/dev/zero", join(folder, "messages-00003.omb"));
    await run(["mkfifo", join(folder, "messages-00004.omb")]);
    mkdirSync(join(folder, "messages-00005.omb"));
    writeFileSync(join(folder, "messages-00006.omb"), new Uint8Array(2 ** 20).fill(0x81));
    writeFileSync(join(folder, "messages-00007.omb"), new Uint8Array(2 ** 20 + 1));
    writeFileSync(join(folder, "messages-00008.omb"), "");
    writeFileSync(join(folder, "other.omb"), batch(encodeBundle(bundleNumber(8))));
    const other = newStore();
    expect(await fetch(other, stick)).toMatchObject({ taken: 2, refused: 0, damagedFiles: 7 });
    expect(await leave(await holding(...numbered(0, 3)), stick)).toMatchObject({ written: 1 });
    expect(existsSync(join(folder, "messages-00009.omb"))).toBe(true);
  });

  test("that leads elsewhere by a link is refused", async () => {
    const [stick, elsewhere] = [newFolder(), newFolder()];
    symlinkSync(elsewhere, messages(stick));
    expect(leave(await holding(...numbered(0, 1)), stick)).rejects.toBeInstanceOf(FolderError);
    expect(fetch(newStore(), stick)).rejects.toBeInstanceOf(FolderError);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test("with forged bundles is not tried to its end", async () => {
    const stick = newFolder();
    mkdirSync(messages(stick));
    const forged = numbered(0, 300).map(({ signature, ...bundle }) =>
      encodeBundle({ ...bundle, signature: signature.fill(1) }),
    );
    writeFileSync(join(messages(stick), "messages-00001.omb"), batch(...forged));
    const report = await fetch(newStore(), stick);
    expect(report.taken).toBe(0);
    expect(report.refused).toBeLessThan(200);
    expect(report.reasons).toEqual({ malformed: report.refused });
  });

  test("has bytes behind the last bundle: the bundles before them are taken", async () => {
    const stick = newFolder();
    await leave(await holding(...numbered(0, 2)), stick);
    appendFileSync(join(messages(stick), "messages-00001.omb"), new Uint8Array(4_096));
    expect(await fetch(newStore(), stick)).toMatchObject({ taken: 2, damagedFiles: 1 });
  });

  test("killed at any moment of an export, has whole bundles alone, and the next export completes it", async () => {
    const [source, count] = [newFolder(), 200];
    const whole = await holding(...numbered(0, count));
    await leave(whole, source);
    let cutOff = 0;
    for (let round = 0; round < 8; round += 1) {
      const stick = newFolder();
      cutOff += (await killed("export-process.ts", [source, stick], round * 2)) ? 1 : 0;
      const there = existsSync(messages(stick)) ? await fetch(whole, stick) : undefined;
      expect(there ?? { taken: 0, refused: 0 }).toMatchObject({ taken: 0, refused: 0 });
      expect(await leave(whole, stick)).toMatchObject({
        there: there?.known ?? 0,
        written: count - (there?.known ?? 0),
      });
      expect(await fetch(whole, stick)).toMatchObject({ taken: 0, known: count, refused: 0 });
    }
    expect(cutOff).toBeGreaterThan(0);
  }, 60_000);

  test("killed at any moment of an import, goes on where it ended, and gives each bundle once", async () => {
    const [stick, folder, count] = [newFolder(), newFolder(), 400];
    await leave(await holding(...numbered(0, count)), stick);
    let [cutOff, had] = [0, 0];
    for (let round = 0; round < 6; round += 1) {
      cutOff += (await killed("import-process.ts", [stick, folder], round * 25)) ? 1 : 0;
      const { store } = openStand({ folder });
      const held = store.ids().length;
      expect(held).toBeGreaterThanOrEqual(had);
      expect(heldIn(store).length).toBe(held);
      had = held;
      store.close();
    }
    expect(cutOff).toBeGreaterThan(0);
    const { store } = openStand({ folder });
    expect(await fetch(store, stick)).toMatchObject({ taken: count - had, known: had, refused: 0 });
    expect(store.ids().length).toBe(count);
    expect(new Set(heldIn(store).map(({ id }) => id)).size).toBe(count);
    store.close();
  }, 60_000);
});

describeNeeding(["root", "program:mount"], "A stick that is full", () => {
  test("keeps what fits, the most important first, and is not spoilt", async () => {
    const stick = newFolder();
    await run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", stick]);
    try {
      const custody = await holding(...numbered(0, 1_000), bundleNumber(9_000, { kind: "sos" }));
      const { written, left } = await leave(custody, stick);
      expect(written).toBeGreaterThan(100);
      expect(written + left).toBe(1_001);
      const other = newStore();
      expect(await fetch(other, stick)).toMatchObject({ taken: written, damagedFiles: 0 });
      expect(heldIn(other)[0]?.bundle.kind).toBe("sos");
      expect(await leave(custody, stick)).toMatchObject({ written: 0, there: written, left });
      expect(readdirSync(messages(stick)).some((name) => name.endsWith(".part"))).toBe(false);
    } finally {
      await run(["umount", stick]);
    }
  }, 30_000);
});

/** @returns whether it was killed, so long after it had begun, before it was done */
async function killed(program: string, folders: string[], afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dir, program), ...folders]);
  let said = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stdout.on("data", (data) => {
    if (said === "") setTimeout(() => child.kill("SIGKILL"), afterMs);
    said += data;
  });
  await ended;
  expect(said).toMatch(/^(ex|im)porting/);
  return !said.includes("done");
}
