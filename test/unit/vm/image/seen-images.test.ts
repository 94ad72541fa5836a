import { describe, expect, test } from "bun:test";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { SeenImages } from "../../../../src/vm/image/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { installImage } from "./install-image.ts";

const scratch = scratchFolders();

/** What a box sees of a folder of images, from second to second. */
function seen(folder: string) {
  const time = new VirtualTime();
  const { log, lines } = capturedLog();
  let changes = 0;
  const images = new SeenImages({
    ...{ folder, architecture: "amd64", log, timers: time },
    onChange: () => {
      changes += 1;
    },
  });
  const now = () => images.now().map(({ name, version }) => `${name} ${version}`);
  const aSecondLater = () => {
    time.advance(1_000);
    return now();
  };
  return { now, aSecondLater, changes: () => changes, said: () => lines.map(({ msg }) => msg) };
}

describe("the images that a box sees", () => {
  test("are those that are installed, replaced and removed while it runs", () => {
    const folder = join(scratch(), "made later");
    const { now, aSecondLater, changes } = seen(folder);
    expect(now()).toEqual([]);
    installImage(folder, "small");
    expect(aSecondLater()).toEqual(["small 1"]);
    installImage(folder, "debian");
    expect(aSecondLater()).toEqual(["debian 1", "small 1"]);
    installImage(folder, "small", { version: "2" });
    expect(aSecondLater()).toEqual(["debian 1", "small 2"]);
    expect(changes()).toBe(3);
    rmSync(join(folder, "debian"), { recursive: true });
    expect(aSecondLater()).toEqual(["small 2"]);
    expect(aSecondLater()).toEqual(["small 2"]);
    expect(changes()).toBe(4);
  });

  test("are looked at once within a second, however many ask", () => {
    const folder = scratch();
    const { now, aSecondLater } = seen(folder);
    expect(now()).toEqual([]);
    installImage(folder, "small");
    expect(now()).toEqual([]);
    expect(aSecondLater()).toEqual(["small 1"]);
  });

  test("have none that is still being copied, of which nothing is said", () => {
    const folder = scratch();
    const { now, aSecondLater, said } = seen(folder);
    now();
    installImage(folder, "small");
    for (const bytes of [0, 3, 5]) {
      truncateSync(join(folder, "small/kernel"), 0);
      writeFileSync(join(folder, "small/kernel"), "k".repeat(bytes));
      expect(aSecondLater()).toEqual([]);
    }
    writeFileSync(join(folder, "small/kernel"), "kernel");
    expect(aSecondLater()).toEqual(["small 1"]);
    expect(said()).toEqual([]);
  });

  test("have none that is broken, which is said once, and again when it is broken anew", () => {
    const folder = scratch();
    installImage(folder, "small", { architecture: "arm64" });
    const { now, aSecondLater, said } = seen(folder);
    now();
    for (let second = 0; second < 3; second += 1) aSecondLater();
    const why = `an image is left out: ${folder}/small/manifest.json: is for arm64`;
    expect(said()).toEqual([why]);
    installImage(folder, "small");
    aSecondLater();
    installImage(folder, "small", { architecture: "arm64" });
    for (let second = 0; second < 3; second += 1) aSecondLater();
    expect(said()).toEqual([why, why]);
  });

  test("are those of the last time where the folder cannot be read", () => {
    const folder = join(scratch(), "images");
    installImage(folder, "small");
    const { now, aSecondLater, said, changes } = seen(folder);
    expect(now()).toEqual(["small 1"]);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    for (let second = 0; second < 3; second += 1) expect(aSecondLater()).toEqual(["small 1"]);
    expect(said()).toEqual([expect.stringContaining("ENOTDIR")]);
    expect(changes()).toBe(0);
  });
});
