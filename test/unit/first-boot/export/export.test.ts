import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Decrypter } from "age-encryption";
import fc from "fast-check";
import { writeNewFile } from "../../../../src/first-boot/export/export-file.ts";
import { sealedExport } from "../../../../src/first-boot/export/sealed-export.ts";
import { TAR_END, TarPathError, tarred } from "../../../../src/first-boot/export/tar.ts";
import { run } from "../../../../src/host/run.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const PASSPHRASE = "five quiet words of mine";

/** Unpacks as a person would, with Debian's tar. */
async function unpacked(archive: Uint8Array): Promise<string> {
  const folder = scratch();
  writeFileSync(join(folder, "a.tar"), archive);
  mkdirSync(join(folder, "out"));
  await run(["tar", "-xf", "a.tar", "-C", "out"], { cwd: folder });
  return join(folder, "out");
}

async function opened(file: string): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(PASSPHRASE);
  return unpacked(await decrypter.decrypt(readFileSync(file)));
}

async function exported(stateFolder: string) {
  const lost: string[] = [];
  const file = join(scratch(), "export.age");
  const stream = await sealedExport({
    ...{ stateFolder, passphrase: PASSPHRASE, wallMs: Date.UTC(2026, 6, 1), workFactor: 8 },
    lost: ({ path }) => lost.push(path),
  });
  await writeNewFile(file, stream);
  return { file, lost };
}

describe("an export", () => {
  test("has all that the box keeps, and nothing of it can be read without the passphrase", async () => {
    const state = scratch();
    mkdirSync(join(state, "networks"));
    writeFileSync(join(state, "device-key.json"), "the key");
    writeFileSync(join(state, "networks/ab.json"), "Valley");
    writeFileSync(join(state, "half.json.new"), "half");
    mkdirSync(join(state, "vm-volumes"));
    writeFileSync(join(state, "vm-volumes/x"), "somebody's machine");
    symlinkSync("/etc/passwd", join(state, "link"));
    const { file, lost } = await exported(state);
    expect(readFileSync(file, "latin1")).not.toContain("the key");
    const out = await opened(file);
    expect(readFileSync(join(out, "device-key.json"), "utf8")).toBe("the key");
    expect(readFileSync(join(out, "networks/ab.json"), "utf8")).toBe("Valley");
    for (const name of ["half.json.new", "vm-volumes", "link"])
      expect(existsSync(join(out, name))).toBe(false);
    expect(lost).toEqual([]);
  });

  test("has databases as of one moment, with what is in their log, while the box has them open", async () => {
    const state = scratch();
    const db = new Database(join(state, "messages.sqlite"));
    db.run("PRAGMA journal_mode = WAL");
    db.run("CREATE TABLE t (n INTEGER)");
    db.run("INSERT INTO t VALUES (42)");
    const { file } = await exported(state);
    db.close();
    const out = await opened(file);
    expect(existsSync(join(out, "messages.sqlite-wal"))).toBe(false);
    const copy = new Database(join(out, "messages.sqlite"), { readonly: true });
    expect(copy.query("SELECT n FROM t").values()).toEqual([[42]]);
    copy.close();
  });

  test("leaves out what cannot be read, and says so", async () => {
    const state = scratch();
    writeFileSync(join(state, "journal.sqlite"), "no database at all, but long enough to be taken for one");
    writeFileSync(join(state, "device-key.json"), "the key");
    const { file, lost } = await exported(state);
    expect(lost).toEqual(["journal.sqlite"]);
    expect(readFileSync(join(await opened(file), "device-key.json"), "utf8")).toBe("the key");
  });

  test("is not made with a passphrase that is easily guessed", () => {
    const short = { stateFolder: scratch(), passphrase: "short", wallMs: 0, lost: () => {} };
    expect(sealedExport(short)).rejects.toThrow("passphrase: 5 characters; it needs at least 10");
  });

  test("overwrites no file, and leaves none half-written", async () => {
    const folder = scratch();
    const file = join(folder, "export.age");
    const failing = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(10));
        controller.error(new Error("the medium is gone"));
      },
    });
    await expect(writeNewFile(file, failing)).rejects.toThrow("the medium is gone");
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, "another one");
    chmodSync(file, 0o600);
    await expect(writeNewFile(file, new Response("x").body ?? failing)).rejects.toThrow("EEXIST");
    expect(readFileSync(file, "utf8")).toBe("another one");
  });
});

test("an archive of any files is what Debian's tar reads", async () => {
  const name = fc.string({
    unit: fc.constantFrom("a", "B", "1", "-", ".", "ä", " "),
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(
        fc.record({ path: name.map((text) => `x${text}`), bytes: fc.uint8Array({ maxLength: 1_200 }) }),
        {
          selector: ({ path }) => path,
          maxLength: 6,
        },
      ),
      async (entries) => {
        const out = await unpacked(Buffer.concat([...entries.map((entry) => tarred(entry, 1)), TAR_END]));
        for (const { path, bytes } of entries) expect(readFileSync(join(out, path)).equals(bytes)).toBe(true);
      },
    ),
    { numRuns: 20 },
  );
  expect(() => tarred({ path: "x".repeat(101), bytes: new Uint8Array(0) }, 0)).toThrow(TarPathError);
  expect(() => tarred({ path: "/x", bytes: new Uint8Array(0) }, 0)).toThrow(TarPathError);
});
