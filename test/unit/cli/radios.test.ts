import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { tryRun } from "../../../src/host/run.ts";
import { parseInventory } from "../../../src/wifi/inventory/index.ts";
import { scratchFolders } from "../scratch.ts";

const CLI = resolve(import.meta.dir, "../../../src/cli/main.ts");
const scratch = scratchFolders();

/** Runs `omerta-box radios` in a folder of its own, where `files` lie. */
function radios(args: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const cwd = scratch();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  return tryRun([process.execPath, CLI, "radios", ...args], { cwd, timeoutMs: 30_000 });
}

const PI_AND_PANDA = ["--add", "raspberry-pi-4b", "--add", "panda-pau09"];

describe("omerta-box radios", () => {
  test("plans a shopping list with its reasons, before anything is bought", async () => {
    const { exitCode, stdout } = await radios(["plan", ...PI_AND_PANDA]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('open network "Omerta Box"');
    expect(stdout).toContain('mesh1: mesh "omerta" on channel 1');
    expect(stdout).toContain("owe1: the same, encrypted");
    expect(stdout).toContain("cost: ");
  }, 30_000);

  test("plans by a configuration, and tells machines", async () => {
    const config =
      '[box]\nname = "Shelter 7"\n[wifi.mesh]\nchannels = [11]\n[[wifi.radios]]\npath = "pau09"\nuse = "mesh"\n';
    const { stdout } = await radios(["plan", ...PI_AND_PANDA, "--config", "omerta.toml", "--json"], {
      "omerta.toml": config,
    });
    const plan = JSON.parse(stdout);
    expect(plan.radios[0].interfaces).toMatchObject([{ role: "open", ssid: "Shelter 7", isolation: false }]);
    expect(plan.radios[1]).toMatchObject({ channel: { number: 11 }, interfaces: [{ role: "mesh" }] });
  }, 30_000);

  test("plans for radios that another machine recorded", async () => {
    const board = await Bun.file(resolve(import.meta.dir, "../../../hardware/boards/ar9271.json")).text();
    const { exitCode, stdout } = await radios(["plan", "--inventory", "there.json"], { "there.json": board });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("at most 7 stations");
  }, 30_000);

  test("records this machine, in the form that it reads", async () => {
    const { exitCode, stdout } = await radios(["record"]);
    expect(exitCode).toBe(0);
    const inventory = parseInventory(stdout, "stdout");
    expect(inventory.recorded).toContain("Linux");
    for (const { macAddress } of inventory.radios) expect(macAddress).toBe("");
  }, 30_000);

  test("lists what there is to choose from, and what one of it can do", async () => {
    expect((await radios(["boards"])).stdout).toContain("alfa-awus036acm");
    const { stdout } = await radios(["list", "--add", "mt7601u"]);
    expect(stdout).toContain("modes: managed, monitor");
    expect(stdout).toContain("together: one at a time");
  }, 30_000);

  test.each([
    [["plan", "--add", "nothing"], {}, 1, "nothing: no such board; omerta-box radios boards lists them"],
    [["plan", "--inventory", "missing.json"], {}, 1, "missing.json: ENOENT"],
    [
      ["plan", "--inventory", "bad.json"],
      { "bad.json": '{"country":"DE","radios":[{}]}' },
      1,
      "bad.json: radios.0.",
    ],
    [
      ["plan", "--add", "mt7601u", "--config", "omerta.toml"],
      { "omerta.toml": "wifi.power_dbm = 99" },
      3,
      "wifi.power_dbm: 99",
    ],
    [["list", "--frobnicate"], {}, 2, "unknown option"],
  ] as const)(
    "ends with its status and says why: %p",
    async (args, files, status, words) => {
      const { exitCode, stdout, stderr } = await radios(args, files);
      expect([exitCode, stdout]).toEqual([status, ""]);
      expect(stderr).toContain(words);
    },
    30_000,
  );
});
