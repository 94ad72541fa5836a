import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "../../../src/host/run.ts";
import { unprivilegedUser, withoutRights } from "../../../src/host/unprivileged.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

/** A program in a folder that everybody can reach, or in one that only its owner can. */
function program(mode: number, folderMode = 0o755): string {
  const folder = join(scratch(), "bin");
  chmodSync(join(folder, ".."), 0o755);
  mkdirSync(folder);
  const path = join(folder, "program");
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  chmodSync(folder, folderMode);
  return path;
}

describeNeeding(
  ["root", "program:setpriv"],
  "the user for what faces guests, on a daemon that is root",
  () => {
    test("is the first of the names that exists", () => {
      expect(unprivilegedUser(["no-such-user-here", "nobody", "root"], program(0o755), "/tmp").ids).toEqual({
        uid: 65_534,
        gid: 65_534,
      });
    });

    test("is nobody in particular where no name exists: the rights go all the same", () => {
      const user = unprivilegedUser(["no-such-user-here"], program(0o755), "/tmp");
      expect(user).toEqual({ ids: undefined, prefix: withoutRights() });
    });

    test("is not taken where others cannot read the program", () => {
      expect(unprivilegedUser(["nobody"], program(0o750), "/tmp").ids).toBeUndefined();
      expect(unprivilegedUser(["nobody"], program(0o755, 0o700), "/tmp").ids).toBeUndefined();
    });

    test("is not taken where others cannot reach the run folder with the sockets", () => {
      const hidden = scratch();
      chmodSync(hidden, 0o700);
      expect(unprivilegedUser(["nobody"], program(0o755), join(hidden)).ids).toBeUndefined();
    });

    test("is who really runs, without a capability, for good", async () => {
      const { prefix } = unprivilegedUser(["nobody"], program(0o755), "/tmp");
      const { stdout, stderr } = await tryRun([
        ...prefix,
        "sh",
        "-c",
        "id -u; id -g; id -G; grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status",
      ]);
      expect(stderr).toBe("");
      const [uid, gid, groups, ...status] = stdout.trim().split("\n");
      expect([uid, gid, groups]).toEqual(["65534", "65534", "65534"]);
      expect(Object.fromEntries(status.map((line) => line.split(":\t")))).toEqual({
        CapInh: "0000000000000000",
        CapPrm: "0000000000000000",
        CapEff: "0000000000000000",
        CapBnd: "0000000000000000",
        CapAmb: "0000000000000000",
        NoNewPrivs: "1",
      });
    });
  },
);

describeNeeding(["program:setpriv"], "a process that keeps the daemon's user", () => {
  test("has given up every capability for good", async () => {
    const { stdout, exitCode } = await tryRun([
      ...withoutRights(),
      "grep",
      "-E",
      "^(Cap(Eff|Bnd)|NoNewPrivs)",
      "/proc/self/status",
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("NoNewPrivs:\t1");
    if (process.getuid?.() === 0) expect(stdout).toContain("CapBnd:\t0000000000000000");
    expect(stdout).toContain("CapEff:\t0000000000000000");
  });
});

describe("the names of users", () => {
  test("are looked up whole, not by their beginning", () => {
    expect(unprivilegedUser(["nobod", "no"], program(0o755), "/tmp").ids).toBeUndefined();
  });
});
