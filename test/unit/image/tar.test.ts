import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { writeRoot } from "../../../image-build/rootfs/write-root.ts";
import { readContents, readTar, TarError } from "../../../image-build/tar/read-tar.ts";
import { TAR_END, type TarFile, writeFiles } from "../../../image-build/tar/write-tar.ts";
import { run } from "../../../src/host/run.ts";
import { scratchFolders } from "../scratch.ts";

const scratchFolder = scratchFolders();

const SECONDS = 1_754_697_600;

async function tarOf(files: readonly TarFile[], name = "files.tar"): Promise<string> {
  const chunks: Uint8Array[] = [];
  await writeFiles(files, async (chunk) => void chunks.push(chunk), SECONDS);
  const file = join(scratchFolder(), name);
  writeFileSync(file, Buffer.concat([...chunks, TAR_END]));
  return file;
}

const bytes = (text: string): TarFile["is"] => ({ bytes: Buffer.from(text) });

test("what is written is what GNU tar lists", async () => {
  const long = `${"folder/".repeat(20)}file`;
  const file = await tarOf([
    { path: "a", is: { folder: true } },
    { path: "a/program", is: bytes("#!/bin/sh\n"), mode: 0o755 },
    { path: "a/link", is: { link: "program" } },
    { path: long, is: bytes("x") },
  ]);
  const listed = await run(["tar", "--numeric-owner", "--utc", "--full-time", "-tvf", file]);
  expect(listed.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
    "drwxr-xr-x 0/0 0 2025-08-09 00:00:00 a/",
    "-rwxr-xr-x 0/0 10 2025-08-09 00:00:00 a/program",
    "lrwxrwxrwx 0/0 0 2025-08-09 00:00:00 a/link -> program",
    `-rw-r--r-- 0/0 1 2025-08-09 00:00:00 ${long}`,
    "",
  ]);
});

test("what is written is read again, whatever names and contents are", async () => {
  const name = fc.stringMatching(/^[a-zäß0-9]{1,60}$/);
  const file = fc.record({ name, text: fc.string({ maxLength: 2_000 }) });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(file, { selector: ({ name }) => name, maxLength: 8 }), async (files) => {
      const tar = await tarOf(
        files.map(({ name, text }) => ({ path: `${"ä".repeat(50)}/${name}`, is: bytes(text) })),
      );
      const read = readTar(tar).map((entry) => [entry.path, readContents(tar, entry).toString("utf8")]);
      expect(read).toEqual(
        files.map(({ name, text }) => [`${"ä".repeat(50)}/${name}`, Buffer.from(text).toString()]),
      );
    }),
    { numRuns: 30 },
  );
});

test("a broken tar is refused or read to its end, and never anything else", async () => {
  const whole = await Bun.file(await tarOf([{ path: `${"a/".repeat(80)}b`, is: bytes("text") }])).bytes();
  const file = join(scratchFolder(), "broken.tar");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(whole.length),
      async (changes, length) => {
        const broken = Buffer.from(whole);
        for (const [at, value] of changes) broken[at] = value;
        writeFileSync(file, broken.subarray(0, length));
        try {
          for (const entry of readTar(file)) expect(entry.end).toBeLessThanOrEqual(length);
        } catch (error) {
          expect(error).toBeInstanceOf(TarError);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("the root has Debian's files but for what is left out or replaced, and ours behind them", async () => {
  const base = await tarOf([
    { path: "etc", is: { folder: true } },
    { path: "etc/machine-id", is: bytes("of the build machine") },
    { path: "etc/passwd", is: bytes("root") },
    { path: "usr/share/doc/bash/README", is: bytes("long") },
    { path: "usr/share/doc/bash/copyright", is: bytes("GPL") },
    { path: "unpacked/boot/vmlinuz", is: bytes("kernel") },
  ]);
  const chunks: Uint8Array[] = [];
  const own: TarFile[] = [
    { path: "etc/machine-id", is: bytes("") },
    { path: "opt/box/program", is: bytes("ours"), mode: 0o755 },
  ];
  await writeRoot(base, own, async (chunk) => void chunks.push(Buffer.from(chunk)), SECONDS);
  const root = join(scratchFolder(), "root.tar");
  writeFileSync(root, Buffer.concat(chunks));
  const read = readTar(root).map((entry) => [entry.path, readContents(root, entry).toString("utf8")]);
  expect(read).toEqual([
    ["etc", ""],
    ["etc/passwd", "root"],
    ["usr/share/doc/bash/copyright", "GPL"],
    ["etc/machine-id", ""],
    ["opt", ""],
    ["opt/box", ""],
    ["opt/box/program", "ours"],
  ]);
});

test("each folder of the root is named before what is in it, also one that is left out but for that", async () => {
  const folders = [
    "usr",
    "usr/share",
    "usr/share/doc",
    "usr/share/doc/bash",
    "usr/share/doc/bash/more",
    "etc",
  ];
  const base = await tarOf([
    ...[...folders, "etc/systemd", "etc/systemd/system", "etc/systemd/system/some.wants"].map((path) => ({
      path,
      is: { folder: true } as const,
    })),
    { path: "usr/share/doc/bash/more/README", is: bytes("long") },
    { path: "usr/share/doc/bash/copyright", is: bytes("GPL") },
  ]);
  const chunks: Uint8Array[] = [];
  const own: TarFile[] = [{ path: "etc/systemd/system/some.wants/our.service", is: bytes("ours") }];
  await writeRoot(base, own, async (chunk) => void chunks.push(Buffer.from(chunk)), SECONDS);
  const root = join(scratchFolder(), "root.tar");
  writeFileSync(root, Buffer.concat(chunks));
  const named = readTar(root).map(({ path }) => path);
  expect(new Set(named).size).toBe(named.length);
  for (const [index, path] of named.entries())
    for (let above = dirname(path); above !== "."; above = dirname(above))
      expect(named.slice(0, index)).toContain(above);
  expect(named).toContain("usr/share/doc/bash");
  expect(named).not.toContain("usr/share/doc/bash/more");
});

test("a hard link to what is left out is told, not written", async () => {
  const folder = scratchFolder();
  await run(
    ["sh", "-c", "mkdir -p usr/share/man usr/bin && echo x >usr/share/man/a && ln usr/share/man/a usr/bin/b"],
    {
      cwd: folder,
    },
  );
  await run(["tar", "-cf", "base.tar", "usr/share/man/a", "usr/bin/b"], { cwd: folder });
  const written = writeRoot(join(folder, "base.tar"), [], async () => {}, SECONDS);
  await expect(written).rejects.toThrow("usr/bin/b is a link to usr/share/man/a");
});
