import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasGuestMode, probeKvm } from "../../../../src/vm/libvirt/kvm-probe.ts";
import { describeNeeding } from "../../../needs.ts";

const folder = mkdtempSync(join(tmpdir(), "omb-kvm-probe-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a processor runs guests by what it says that it can do", () => {
  const cpu = (flags: string) =>
    `processor\t: 0\nflags\t\t: ${flags}\nvmx flags\t: vnmi ept\nbugs\t\t: svm\n`;
  expect(hasGuestMode(cpu("fpu svm sse"))).toBe(true);
  expect(hasGuestMode(cpu("fpu vmx"))).toBe(true);
  expect(hasGuestMode(cpu("fpu svm_lock vmx_x sse"))).toBe(false);
  expect(hasGuestMode("Features\t: fp asimd\nCPU part\t: 0xd03\n")).toBe(false);
  expect(hasGuestMode("")).toBe(false);
});

/** A program in QEMU's place. */
function emulator(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

describe("whether KVM works", () => {
  test("is not known from a program that hangs and will not be ended", async () => {
    const pidFile = join(folder, "pid");
    const hangs = emulator(
      "hangs",
      `trap '' TERM INT HUP\necho $$ > ${pidFile}\nwhile :; do sleep 0.2; done`,
    );
    const before = performance.now();
    const verdict = await probeKvm({ emulator: hangs, timeoutMs: 1_000 });
    expect(verdict).toEqual({ works: false, reason: "no guest ran within 1000 ms" });
    expect(performance.now() - before).toBeLessThan(8_000);
    const pid = Number(readFileSync(pidFile, "utf8"));
    const isThere = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] !== "Z";
    for (let tries = 0; tries < 400; tries += 1) {
      try {
        if (!isThere()) return;
      } catch {
        return;
      }
      await Bun.sleep(10);
    }
    throw new Error(`process ${pid} goes on`);
  });

  test("is no for a program that ends as if nothing were wrong, without having run a guest", async () => {
    expect(await probeKvm({ architecture: "x64", emulator: emulator("ends", "exit 0") })).toEqual({
      works: false,
      reason: "QEMU ended with status 0",
    });
  });

  test("is no with QEMU's own words, the last ones of very many", async () => {
    const noisy = emulator(
      "noisy",
      "head -c 300000 /dev/zero | tr '\\0' x >&2; echo no KVM here >&2; exit 1",
    );
    const verdict = await probeKvm({ emulator: noisy, timeoutMs: 20_000 });
    expect(verdict).toMatchObject({ works: false });
    if (!verdict.works) expect(verdict.reason.endsWith("no KVM here")).toBe(true);
    if (!verdict.works) expect(verdict.reason.length).toBeLessThanOrEqual(500);
  });

  test("is no where there is no QEMU, and leaves no file", async () => {
    const [before, files] = [process.env.TMPDIR, mkdtempSync(join(folder, "files-"))];
    process.env.TMPDIR = files;
    try {
      expect(await probeKvm({ emulator: join(folder, "nothing") })).toMatchObject({ works: false });
      expect(await probeKvm({ emulator: emulator("fails", "exit 3") })).toMatchObject({ works: false });
      expect(readdirSync(files)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});

describeNeeding(["x86-64", "program:qemu-system-x86_64"], "the guest that finds it out", () => {
  test("runs, for QEMU's own emulation ends as it should", async () => {
    expect(await probeKvm({ architecture: "x64", accelerator: "tcg", timeoutMs: 30_000 })).toEqual({
      works: true,
    });
  }, 40_000);

  test("gives this machine's KVM a verdict, whatever its device file does", async () => {
    const verdict = await probeKvm({ timeoutMs: 3_000 });
    if (!verdict.works) expect(verdict.reason).not.toBe("");
  }, 20_000);
});

describeNeeding(["program:qemu-system-aarch64"], "the guest that finds it out on arm64", () => {
  test("runs, for QEMU's own emulation ends as it should", async () => {
    const verdict = await probeKvm({ architecture: "arm64", accelerator: "tcg", timeoutMs: 30_000 });
    expect(verdict).toEqual({ works: true });
  }, 40_000);
});
