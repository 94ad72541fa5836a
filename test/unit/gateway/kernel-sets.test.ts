import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { admitCommands, expelCommands } from "../../../src/gateway/firewall/index.ts";
import { KernelSets } from "../../../src/gateway/kernel-sets.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const AMINA = { mac: "02:00:00:00:00:01", ipv4: "10.20.0.16", seconds: 60 };
const AMINA_MOVED = { ...AMINA, ipv4: "10.20.0.99" };
/** A command that changes nothing. */
const LIST = { list: { tables: null } };
const BAHATI = { mac: "02:00:00:00:00:02", ipv4: "10.20.0.17", seconds: 60 };

/** An nft that keeps each transaction in a line of a file, and refuses while another file is there. */
let transactions = "";
let refusing = "";

beforeEach(() => {
  const folder = scratch();
  transactions = join(folder, "transactions");
  refusing = join(folder, "refusing");
  const nft = join(folder, "nft");
  writeFileSync(nft, `#!/bin/sh\n[ -e '${refusing}' ] && exit 1\n{ cat; echo; } >> '${transactions}'\n`);
  chmodSync(nft, 0o755);
  const spawn = Bun.spawn;
  const spawnFake = ([program, ...rest]: string[], options: object) => {
    // Nothing here may reach the kernel of the machine that the tests run on.
    if (program !== "nft") throw new Error(`${program} was not to be run`);
    return spawn([nft, ...rest], options);
  };
  jest.spyOn(Bun, "spawn").mockImplementation(spawnFake as typeof Bun.spawn);
});

afterEach(() => void jest.restoreAllMocks());

const applied = (): unknown[] =>
  existsSync(transactions)
    ? readFileSync(transactions, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).nftables)
    : [];

describe("changes to the kernel's sets", () => {
  test("of guests who come and go at the same time are one transaction, those who go first", async () => {
    const sets = new KernelSets();
    await Promise.all([sets.admit([AMINA]), sets.expel([BAHATI])]);
    expect(applied()).toEqual([[...expelCommands([BAHATI]), ...admitCommands([AMINA])]]);
  });

  test("of one guest at one address are the last that was asked for", async () => {
    const sets = new KernelSets();
    await Promise.all([sets.admit([AMINA]), sets.expel([AMINA]), sets.expel([BAHATI]), sets.admit([BAHATI])]);
    expect(applied()).toEqual([[...expelCommands([AMINA]), ...admitCommands([BAHATI])]]);
  });

  test("move a guest to another address, in whatever order that was asked for", async () => {
    const moved = [...expelCommands([AMINA]), ...admitCommands([AMINA_MOVED])];
    for (const turned of [false, true]) {
      const sets = new KernelSets();
      const asks = [() => sets.expel([AMINA]), () => sets.admit([AMINA_MOVED])];
      await Promise.all((turned ? asks.reverse() : asks).map((ask) => ask()));
    }
    expect(applied()).toEqual([moved, moved]);
  });

  test("come one after the other, each made from what is true when its turn has come", async () => {
    const sets = new KernelSets();
    const first = sets.apply(() => [LIST]);
    let guests = [AMINA];
    const second = sets.apply(() => admitCommands(guests));
    guests = [BAHATI];
    await Promise.all([first, second]);
    expect(applied()).toEqual([[LIST], admitCommands([BAHATI])]);
  });

  test("that the kernel refuses are told to who asked, and the next ones are made", async () => {
    const sets = new KernelSets();
    writeFileSync(refusing, "");
    expect(await sets.admit([AMINA]).catch(({ name }) => name)).toBe("RunError");
    rmSync(refusing);
    await sets.admit([BAHATI]);
    expect(applied()).toEqual([admitCommands([BAHATI])]);
  });

  test("are settled when none is under way", async () => {
    const sets = new KernelSets();
    void sets.admit([AMINA]);
    await sets.settled();
    expect(applied()).toHaveLength(1);
  });
});
