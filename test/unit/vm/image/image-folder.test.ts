import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readVmImages } from "../../../../src/vm/image/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { installImage } from "./install-image.ts";

const scratch = scratchFolders();

describe("a folder of images", () => {
  test("that is not there has none, which is no fault", () => {
    const failed: string[] = [];
    expect(readVmImages("/nowhere", "amd64", (why) => failed.push(why))).toEqual([]);
    expect(failed).toEqual([]);
  });

  test("has those that are whole and for this processor; of the others it is said why not", () => {
    const folder = scratch();
    installImage(folder, "debian");
    installImage(folder, "small");
    installImage(folder, "twin", { name: "small" });
    installImage(folder, "foreign", { architecture: "arm64" });
    installImage(folder, "broken", { name: "../x" });
    mkdirSync(join(folder, "empty"));
    writeFileSync(join(folder, "README"), "");
    const failed: string[] = [];
    const found = readVmImages(folder, "amd64", (why) => failed.push(why));
    expect(found.map(({ name }) => name)).toEqual(["debian", "small"]);
    expect(failed).toEqual([
      expect.stringContaining("broken/manifest.json: name"),
      expect.stringContaining("foreign/manifest.json: is for arm64"),
      expect.stringContaining("twin/manifest.json: there is another small"),
    ]);
  });
});
