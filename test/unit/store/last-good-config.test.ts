import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadKeptConfig } from "../../../src/store/index.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const never = (error: unknown) => {
  throw error;
};

test("a configuration is kept while it is good, and holds when the file is none any more", () => {
  const folder = scratch();
  const file = join(folder, "omerta.toml");
  const load = () => loadKeptConfig(file, folder, never);
  writeFileSync(file, '[box]\nname = "quay"\n');
  expect(load().problems).toEqual([]);
  writeFileSync(file, "[box\nname");
  const bad = load();
  expect(bad.config.box.name).toBe("quay");
  expect(bad.problems.length).toBeGreaterThan(0);
  // The bad one is not kept in its place.
  expect(load().config.box.name).toBe("quay");
  writeFileSync(file, '[box]\nname = "mill"\n');
  load();
  writeFileSync(file, "[box\nname");
  expect(load().config.box.name).toBe("mill");
});

test("where a torn copy is kept, the one before it holds", () => {
  const folder = scratch();
  const file = join(folder, "omerta.toml");
  const load = () => loadKeptConfig(file, folder, never);
  for (const name of ["quay", "mill"]) {
    writeFileSync(file, `[box]\nname = "${name}"\n`);
    load();
  }
  const kept = join(folder, "omerta.last-good.toml");
  writeFileSync(kept, readFileSync(kept, "utf8").slice(0, 3));
  writeFileSync(file, "[box\nname");
  expect(load().config.box.name).toBe("quay");
});

test("that it can neither be read nor kept is told, and the file holds", () => {
  const folder = scratch();
  const file = join(folder, "omerta.toml");
  writeFileSync(file, '[box]\nname = "quay"\n');
  const failures: unknown[] = [];
  const { config } = loadKeptConfig(file, file, (error) => failures.push(error));
  expect(config.box.name).toBe("quay");
  expect(failures).toHaveLength(2);
});
