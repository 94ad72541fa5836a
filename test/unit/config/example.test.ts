import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defaultConfig, exampleConfig, parseConfig } from "../../../src/config/index.ts";

const COMMITTED = resolve(import.meta.dir, "../../../rootfs-overlay/etc/omerta-box/omerta.example.toml");

describe("the example of a configuration", () => {
  test("parses to the defaults", () => {
    expect(parseConfig(exampleConfig())).toEqual(defaultConfig());
  });

  test("is the one that is committed (omerta-box config example > rootfs-overlay/etc/omerta-box/omerta.example.toml)", () => {
    expect(readFileSync(COMMITTED, "utf8")).toBe(exampleConfig());
  });

  test("names every key of the schema", () => {
    const example = exampleConfig();
    // A list of tables that has none is shown as an example of one.
    for (const name of keysOf(defaultConfig()))
      expect(example).toMatch(new RegExp(`^((# )?${name} = |# \\[\\[.*\\.${name}\\]\\]$)`, "m"));
    for (const name of ["name", "description", "port", "protocol", "path"]) {
      expect(example).toMatch(new RegExp(`^# ${name} = `, "m"));
    }
  });

  test("has a comment above every key and every table", () => {
    const lines = exampleConfig().split("\n");
    for (const [index, line] of lines.entries()) {
      if (/^(\[|[a-z_]+ = )/.test(line)) expect(lines[index - 1]).toStartWith("# ");
    }
  });

  test("still parses when the entries that it shows commented out are filled in", () => {
    const filled = exampleConfig()
      .replace(/^# (\[\[[a-z.]+\]\])$/gm, "$1")
      .replace(/^# ([a-z_]+ = .*)$/gm, "$1");
    const config = parseConfig(filled);
    expect(config.mesh.traffic.links).toEqual([{ interface: "eth0", up_kbit: 9_500 }]);
    expect(config.mesh.traffic.uplinks).toEqual([{ interface: "wwan0", weight: 10 }]);
    expect(config.mesh.ways.costs).toEqual([{ kind: "", interface: "*", per_mb: 2 }]);
    expect(config.gateway.services).toMatchObject([
      { name: "…", description: "", protocol: "tcp", path: "/", port: expect.any(Number) },
    ]);
  });

  test("has no line that is too wide to read, but for the entries of a list", () => {
    for (const line of exampleConfig().split("\n")) {
      if (!/^# [a-z_]+ = /.test(line)) expect(line.length).toBeLessThanOrEqual(100);
    }
  });

  test("says nothing twice in one comment", () => {
    for (const line of exampleConfig().split("\n")) {
      const [, first, second] = /^#.*# (.{8,}): (.+)$/.exec(line) ?? [];
      if (first !== undefined) expect(second).not.toBe(first);
    }
  });
});

function keysOf(table: object): string[] {
  return Object.entries(table).flatMap(([key, value]) => {
    if (Array.isArray(value) && key === "services") return [];
    return typeof value === "object" && !Array.isArray(value) ? keysOf(value) : [key];
  });
}
