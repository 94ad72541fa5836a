import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownKey } from "../../../src/cli/vm-options.ts";
import { checkWish } from "../../../src/cli/vm-request.ts";
import { endText, leftText, listText, NOTHING, readyText, stepLine } from "../../../src/cli/vm-text.ts";
import type { AgentWish, LeaseView } from "../../../src/requester/agent/index.ts";
import { scratchFolders } from "../scratch.ts";
import { runHere } from "./run-here.ts";

// The first command loads all of them.
setDefaultTimeout(30_000);

const scratch = scratchFolders();
const NOW = Date.UTC(2026, 6, 1, 12);
const LEASE: LeaseView = {
  ...{ id: "3f9a01c2".repeat(4), provider: "198.51.100.2", address: "10.66.7.2", phase: "ready", why: "" },
  ...{ activity: "to try it", askedAt: NOW - 70_000, durationS: 600, runsSince: NOW - 60_000 },
};

/** In a state of its own, without an agent. */
const vm = (...args: string[]) => {
  const folder = scratch();
  return runHere("vm", ...args, "--state", join(folder, "state"), "--run", join(folder, "run"));
};

describe("omerta-box vm", () => {
  test.each([
    [["request"], "required option '--why <words>' not specified"],
    [["request", "--why", "x", "--for", "10"], "such as 90s, 10m, 2h or 1d"],
    [["request", "--why", "x", "--for", "0m"], "such as 90s, 10m, 2h or 1d"],
    [["request", "--why", "x", "--memory", "much"], "such as 512 for MiB, or 2g for GiB"],
    [["request", "--why", "x", "--cpus", "1.5"], "a whole number"],
    [["release", "--all", "3f9a"], "--all goes without ids"],
    [["list", "surplus"], "too many arguments"],
    [["frobnicate"], "unknown command 'frobnicate'"],
  ])("ends with 2 and says why when it is used wrongly: %p", async (args, words) => {
    const { exitCode, stderr, stdout } = await vm(...args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });

  test.each([
    [["--cpus", "0"], "--cpus: "],
    [["--cpus", "9999"], "--cpus: "],
    [["--memory", "0"], "--memory: "],
    [["--disk", "99999999"], "--disk: "],
    [["--for", "31d"], "--for: "],
    [["--image", "../etc"], "--image: is not 1 to 32 letters"],
    [["--why", "one\nline\u0000more"], "--why: "],
    [["--heard-at", "0.0.0.0"], "--heard-at: is no IP address"],
    [["--ssh-key", "/nowhere/key"], "--ssh-key: /nowhere/key.pub: there is no such file"],
  ])(
    "ends with 1 and names the option that does not hold, with nothing started for it: %p",
    async (args, words) => {
      const folder = scratch();
      const { exitCode, stderr, stdout } = await runHere(
        ...["vm", "request", "--why", "to try it", "--provider", "192.0.2.1", "--state", folder, ...args],
      );
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(words);
      expect(existsSync(join(folder, "requester.json"))).toBe(false);
    },
  );

  test("says that nothing is borrowed where nothing ever was, and starts no agent for it", async () => {
    expect(await vm("list")).toMatchObject({ exitCode: 0, stdout: `${NOTHING}\n` });
    expect(await vm("list", "--json")).toMatchObject({ exitCode: 0, stdout: '{"leases":[]}\n' });
    expect(await vm("release", "--all")).toMatchObject({ exitCode: 0, stdout: "" });
    for (const command of ["ssh", "ssh-config", "release"])
      expect(await vm(command)).toMatchObject({ exitCode: 1, stderr: `omerta-box: ${NOTHING}\n` });
  });

  test("takes either half of a key", () => {
    const folder = scratch();
    const file = join(folder, "key");
    writeFileSync(`${file}.pub`, "ssh-ed25519 AAAA me@here\n");
    // The other half is elsewhere, as with ssh-agent.
    expect(ownKey(file)).toEqual({ line: "ssh-ed25519 AAAA me@here", identity: `${file}.pub` });
    writeFileSync(file, "");
    expect(ownKey(`${file}.pub`)).toEqual({ line: "ssh-ed25519 AAAA me@here", identity: file });
  });

  test("a key that no guest takes is named before anybody is asked", () => {
    const wish: AgentWish = {
      resources: { cpus: 1, memoryMiB: 256, diskMiB: 0 },
      ...{ durationS: 600, image: "small", activity: "", acceptsInspection: false, isHeld: true },
    };
    expect(() => checkWish(wish)).not.toThrow();
    expect(() => checkWish({ ...wish, key: { line: "ssh-dss AAAA", identity: "x" } })).toThrow("--ssh-key: ");
  });
});

describe("What is shown of leases", () => {
  test("a step, with its time and with what there is to say", () => {
    expect(stepLine({ name: "ssh", afterMs: 5_123 })).toBe("   5.1 s  SSH answers through the tunnel\n");
    expect(stepLine({ name: "queued", afterMs: 20, why: "no room\u001b[2J yet" })).toBe(
      "   0.0 s  waits for its turn: no room [2J yet\n",
    );
    expect(stepLine({ name: "of another version", afterMs: 0 })).toContain("of another version");
  });

  test("a list, in columns", () => {
    const other = { ...LEASE, id: "0".repeat(32), phase: "queued", provider: "box" } as const;
    const { runsSince: _, ...waiting } = other;
    const lines = listText({ leases: [LEASE, waiting], trouble: "rules of ufw" }, NOW).split("\n");
    expect(lines[0]).toBe(
      "3f9a01c2  ready    at 198.51.100.2  10.66.7.2  9 min left                to try it",
    );
    expect(lines[1]).toBe(
      "00000000  waiting  at box           10.66.7.2  10 min from when it runs  to try it",
    );
    expect(lines[2]).toBe("! rules of ufw");
    expect(listText({ leases: [] }, NOW)).toBe(`${NOTHING}\n`);
  });

  test("the time that is left, never more than there is", () => {
    expect(leftText(LEASE, NOW)).toBe("9 min left");
    expect(leftText(LEASE, NOW + 1)).toBe("8 min left");
    expect(leftText(LEASE, NOW + 500_000)).toBe("less than a minute left");
    expect(leftText(LEASE, NOW + 5_000_000)).toBe("less than a minute left");
    expect(leftText({ ...LEASE, phase: "releasing" }, NOW)).toBe("");
  });

  test("what can be done with a machine that is ready", () => {
    expect(readyText(LEASE, true, NOW)).toContain("omerta-box vm ssh 3f9a01c2\n");
    expect(readyText(LEASE, true, NOW)).toContain("Ctrl-C");
    expect(readyText(LEASE, false, NOW)).toContain("omerta-box vm release 3f9a01c2");
  });

  test.each([
    ["refused", "the box is full", "198.51.100.2 refuses: the box is full"],
    ["expired", "", "its time is over"],
    ["punished", "destination", "198.51.100.2 has ended it for what it tried: destination"],
    ["failed", "no memory", "198.51.100.2 has ended it: no memory"],
    ["given up", "no SSH within 180 s", "given up: no SSH within 180 s"],
  ])("an end: %s", (outcome, why, text) => {
    expect(endText({ ...LEASE, phase: "ended", outcome, why })).toBe(text);
  });
});
