import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { foreignPackage } from "../../image-build/app/foreign-package.ts";
import { readLock } from "../../image-build/app/npm-lock.ts";
import { cacheOf } from "../../image-build/commit.ts";
import { run } from "../../src/host/run.ts";
import { describeNeeding } from "../needs.ts";
import { scratchFolders } from "../unit/scratch.ts";

const PROJECT = resolve(import.meta.dir, "../..");
const BUN = "@oven/bun-linux-aarch64";
/** glibc for arm64 (Debian's libc6-arm64-cross). */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const DOWNLOAD_TIMEOUT_MS = 600_000;

const scratchFolder = scratchFolders();

describeNeeding(["x86-64", "program:qemu-aarch64-static"], "Bun on the processors of Raspberry Pis", () => {
  // Twice a version of it has needed atomics that came with later processors: it died of them at once.
  test.each(["cortex-a53", "cortex-a72"])(
    "runs on a %s what a box asks of it",
    async (processor) => {
      const locked = readLock(PROJECT).get(`node_modules/${BUN}`);
      if (locked === undefined) throw new Error(`${BUN} is not in the lockfile`);
      const cache = join(cacheOf(PROJECT), "npm");
      mkdirSync(cache, { recursive: true });
      const bun = join(await foreignPackage(locked, cache), "bin/bun");
      const entrypoints = [join(import.meta.dir, "bun-arm64-program.ts")];
      const folder = scratchFolder();
      await Bun.build({ entrypoints, outdir: folder, target: "bun" });
      const started = performance.now();
      const printed = await run(
        [
          "qemu-aarch64-static",
          "-cpu",
          processor,
          "-L",
          LIBRARIES,
          bun,
          join(folder, "bun-arm64-program.js"),
        ],
        { timeoutMs: 200_000 },
      );
      console.log(`${processor}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
      expect(JSON.parse(printed)).toEqual({
        architecture: "arm64",
        atomics: [300_000, 50_000],
        sum: 150_000,
        rows: 499_500,
        isSameProcess: true,
        isSigned: true,
        hash: "932005c7",
        added: 100_000,
        answer: "answered",
      });
    },
    DOWNLOAD_TIMEOUT_MS,
  );
});
