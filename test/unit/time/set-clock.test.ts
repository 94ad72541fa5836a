import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "../../../src/host/run.ts";
import { CLOCK_WISH, wishForTime } from "../../../src/time/clock-wish.ts";
import { scratchFolders } from "../scratch.ts";

const SCRIPT = join(import.meta.dir, "../../../rootfs-overlay/usr/lib/omerta-box/set-clock");
const folderOf = scratchFolders();
const NOW = Date.UTC(2026, 10, 29, 9);

/** `date` writes down what it was asked: no clock is set by a test. */
function ground(upSeconds: string, builtMs = Date.UTC(2026, 6, 1)) {
  const folder = folderOf();
  writeFileSync(join(folder, "date"), `#!/bin/sh\necho "$@" >>${join(folder, "asked")}\n`, { mode: 0o755 });
  writeFileSync(join(folder, "uptime"), `${upSeconds} 1.00\n`);
  writeFileSync(join(folder, "epoch"), "");
  utimesSync(join(folder, "epoch"), builtMs / 1_000, builtMs / 1_000);
  const wish = join(folder, CLOCK_WISH);
  const run = async () => {
    const { exitCode, stderr } = await tryRun(["sh", SCRIPT], {
      env: {
        PATH: `${folder}:${process.env.PATH}`,
        OMERTA_CLOCK_WISH: wish,
        OMERTA_UPTIME: join(folder, "uptime"),
        OMERTA_CLOCK_EPOCH: join(folder, "epoch"),
      },
    });
    const asked = join(folder, "asked");
    return {
      exitCode,
      stderr: stderr.trim(),
      asked: existsSync(asked) ? readFileSync(asked, "utf8").trim() : "",
      isLeft: existsSync(wish),
    };
  };
  return { folder, wish, run };
}

describe("what sets the clock", () => {
  test("sets it to the wish and what has passed since, and takes the wish away", async () => {
    for (const [up, bootMs, at] of [
      ["100.00", 100_000, "0.000"],
      ["1000.05", 999_000, "1.050"],
      ["70.90", 70_000, "0.900"],
      ["12345.08", 12_340_000, "5.080"],
    ] as const) {
      const { folder, run } = ground(up);
      wishForTime(folder, NOW, bootMs);
      const [seconds = "", ms] = at.split(".");
      const asked = `-u -s @${NOW / 1_000 + Number(seconds)}.${ms}`;
      expect(await run()).toEqual({ exitCode: 0, stderr: "", asked, isLeft: false });
    }
  });

  test("does nothing without a wish", async () => {
    expect(await ground("100.00").run()).toEqual({ exitCode: 0, stderr: "", asked: "", isLeft: false });
  });

  test("sets no time that was wished for long ago, in another boot, or from before the system was built", async () => {
    const old = ground("200.00");
    wishForTime(old.folder, NOW, 100_000);
    expect(await old.run()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("another time"),
      asked: "",
    });
    const other = ground("20.00");
    wishForTime(other.folder, NOW, 100_000);
    expect(await other.run()).toMatchObject({ exitCode: 1, asked: "", isLeft: false });
    const early = ground("100.00", NOW + 1_000);
    wishForTime(early.folder, NOW, 100_000);
    expect(await early.run()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("built"),
      asked: "",
    });
  });

  test("takes nothing but two numbers for a wish", async () => {
    for (const text of [
      "",
      "\n",
      "now 1",
      `${NOW}`,
      `${NOW} 1 2`,
      `-${NOW} 100000`,
      "$(reboot) 1",
      `0${NOW} 100000`,
      `${NOW}000 100000`,
    ]) {
      const { wish, run } = ground("100.00");
      writeFileSync(wish, `${text}\n`);
      expect({ text, ...(await run()) }).toMatchObject({ text, exitCode: 1, asked: "", isLeft: false });
    }
  });
});
