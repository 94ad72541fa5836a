import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "../../../../src/host/run.ts";
import { describeNeeding } from "../../../needs.ts";
import { scratchFolders } from "../../scratch.ts";

const WRITER = join(import.meta.dir, "../../../../image-build/guest/parts/reseed.sh");
const scratch = scratchFolders();

async function written(architecture: string): Promise<{ file: string; bytes: Buffer }> {
  const file = join(scratch(), "reseed");
  const child = Bun.spawn(["bash", WRITER, architecture], { stdout: "pipe", env: { LC_ALL: "C" } });
  const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer());
  writeFileSync(file, bytes);
  chmodSync(file, 0o755);
  return { file, bytes };
}

describeNeeding(["root", "x86-64"], "the program that has a guest's randomness begin anew", () => {
  test("the kernel's generator takes it", async () => {
    const { file } = await written("amd64");
    expect(await tryRun(["sh", "-c", `"$0" </dev/urandom`, file])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("it says the kernel's error where it was refused", async () => {
    const { file } = await written("amd64");
    // errno(3): ENOTTY, from what has no generator, and EPERM.
    expect((await tryRun(["sh", "-c", `"$0" </dev/null`, file])).exitCode).toBe(25);
    const unprivileged = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--clear-groups"];
    const refused = await tryRun([...unprivileged, "sh", "-c", `"$0" </dev/urandom`, file]);
    expect(refused.exitCode).toBe(1);
  });
});

describe("the same program for arm64", () => {
  test("it is the same eight steps", async () => {
    const { bytes } = await written("arm64");
    /** Arm ARM (DDI 0487), C6.2: MOVZ of 64 bits. */
    const movz = (register: number, value: number) => (0xd2800000 | (value << 5) | register) >>> 0;
    const svc = 0xd4000001;
    // SUB of 64 bits from the zero register.
    const negX0 = (0xcb000000 | (31 << 5)) >>> 0;
    const steps = [movz(0, 0), movz(1, 0x5207), movz(2, 0), movz(8, 29), svc, negX0, movz(8, 93), svc];
    const code = bytes.subarray(120);
    expect(steps.map((_, at) => code.readUInt32LE(at * 4))).toEqual(steps);
    expect(code).toHaveLength(steps.length * 4);
  });

  test("its header fits: ELF of 64 bits for AArch64, all of the code loaded and entered at its beginning", async () => {
    const { bytes } = await written("arm64");
    expect(bytes.subarray(0, 5).toString("latin1")).toBe("\x7fELF\x02");
    expect(bytes.readUInt16LE(18)).toBe(183);
    expect(bytes.readBigUInt64LE(24)).toBe(bytes.readBigUInt64LE(80));
    expect(bytes.readBigUInt64LE(72)).toBe(120n);
    expect(bytes.readBigUInt64LE(96)).toBe(BigInt(bytes.length - 120));
    expect(bytes.readBigUInt64LE(104)).toBe(BigInt(bytes.length - 120));
  });
});
