import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorDesk } from "../../../src/first-boot/claim/operator-desk.ts";
import { Memberships, openDeviceKey } from "../../../src/identity/index.ts";
import { LinkNumbers } from "../../../src/lora/link-numbers.ts";
import { MeshState } from "../../../src/mesh/mesh-state.ts";
import { loadKeptConfig } from "../../../src/store/index.ts";
import { BlockedRequesters } from "../../../src/vm/operator/blocked-requesters.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

/** As a newer version would have written it: with a field more in every object that has fields of its own. */
function addEverywhere(value: unknown, isNamedByData: (key: string) => boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => addEverywhere(one, isNamedByData));
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, one]) => [
    key,
    isNamedByData(key) ? one : addEverywhere(one, isNamedByData),
  ]);
  return { ...Object.fromEntries(fields), ofNewer: "kept" };
}

/** Lets a newer version write all the documents in a folder, and their copies. */
function writeAsNewer(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.json(\.previous)?$/.test(entry)) continue;
    const path = join(folder, entry);
    const document = addEverywhere(JSON.parse(readFileSync(path, "utf8")), (key) => key === "ports");
    writeFileSync(path, JSON.stringify(document));
  }
}

/** Opens what is in a folder as this version does, and changes each. @returns what it found */
async function visit(folder: string) {
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const key = openDeviceKey(folder, tell);
  const memberships = new Memberships(folder, key, new FakeClock(), tell).open();
  if (memberships.list().length === 0) memberships.found("Our Network");
  const operator = new OperatorDesk({
    ...{ stateFolder: folder, randomBytes, monotonicMs: () => 0, told: tell },
    passwordCost: { n: 1024, r: 8, p: 1 },
  });
  const { claimCode } = operator;
  const password = "correct horse battery";
  const entry =
    claimCode === undefined
      ? await operator.signIn(password, "a")
      : await operator.claim(claimCode, password, "a");
  const numbers = new LinkNumbers({ path: join(folder, "link-numbers.json"), random: () => 0, told: tell });
  numbers.open();
  const number = numbers.next();
  numbers.close();
  const mesh = new MeshState(join(folder, "mesh.json"), (error) => tell(String(error)));
  mesh.open();
  mesh.remember("a", 4_000 + mesh.starts, ["a"]);
  const blocked = BlockedRequesters.open(join(folder, "blocked-requesters.json"));
  blocked.block(mesh.starts.toString(16).padStart(64, "0"));
  return {
    key: Buffer.from(key.hash).toString("hex"),
    networks: memberships.list().map(({ id }) => id),
    isOperator: "session" in entry,
    number,
    starts: mesh.starts,
    blocked: blocked.list().length,
    told: told.filter((message) => !message.includes("claim code")),
  };
}

describe("documents that a newer version has added to", () => {
  test("are read, changed, and keep what this version does not know", async () => {
    const folder = scratch();
    const first = await visit(folder);
    expect(first).toMatchObject({ isOperator: true, number: 0, starts: 1, blocked: 1, told: [] });
    writeAsNewer(folder);
    const second = await visit(folder);
    expect(second).toEqual({ ...first, number: 1, starts: 2, blocked: 2 });
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    expect(names.filter((name) => name.includes(".torn"))).toEqual([]);
    const documents = names.filter((name) => name.endsWith(".json"));
    expect(documents.length).toBeGreaterThanOrEqual(6);
    for (const name of documents)
      expect([name, JSON.parse(readFileSync(join(folder, name), "utf8")).ofNewer]).toEqual([name, "kept"]);
  });

  test("are a configuration as well: keys of a newer version cost the last good one nothing", () => {
    const folder = scratch();
    const failed = (error: unknown) => {
      throw error;
    };
    const kept = join(folder, "omerta.last-good.toml");
    writeFileSync(kept, '[box]\nname = "Market Square"\nof_newer = 1\n');
    const broken = join(folder, "omerta.toml");
    writeFileSync(broken, "\0\0 no TOML");
    expect(loadKeptConfig(broken, folder, failed).config.box.name).toBe("Market Square");
    expect(readdirSync(folder).sort()).toEqual(["omerta.last-good.toml", "omerta.toml"]);
  });
});
