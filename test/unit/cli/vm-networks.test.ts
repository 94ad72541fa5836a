import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/host/clock.ts";
import { inviteBy, openBox } from "../identity/network.ts";
import { scratchFolders } from "../scratch.ts";
import { runHere } from "./run-here.ts";

const scratch = scratchFolders();

describe("omerta-box vm join, networks and leave", () => {
  const invite = (name = "Harbour", expiresS = 0) =>
    inviteBy(openBox(scratch(), systemClock).memberships.found(name), { role: "requester", expiresS });

  test("join a network by an invite, tell of it, and leave it", async () => {
    const state = join(scratch(), "state");
    const vm = (...args: string[]) => runHere("vm", ...args, "--state", state);
    const link = invite();
    expect((await vm("join", link)).stdout).toBe(
      'You belong to "Harbour" now: ask its boxes by their address.\n',
    );
    expect((await vm("join", link)).stdout).toBe('You belong to "Harbour" already.\n');
    expect((await vm("networks")).stdout).toMatch(/^Harbour \([0-9a-f]{16}\): requester\n$/);
    const [network] = JSON.parse((await vm("networks", "--json")).stdout) as { id: string }[];
    expect((await vm("leave", network?.id ?? "")).stdout).toBe("Left.\n");
    expect((await vm("networks")).stdout).toStartWith("You belong to no network.");
  });

  test("say what is wrong with a link, and which network there is none of", async () => {
    const state = join(scratch(), "state");
    const wrong = await runHere("vm", "join", "omerta://invite/x", "--state", state);
    expect([wrong.exitCode, wrong.stdout]).toEqual([1, ""]);
    expect(wrong.stderr).toContain("link");
    const unknown = await runHere("vm", "leave", "Harbour", "--state", state);
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      1,
      "omerta-box: none, or several, of your networks are called Harbour\n",
    ]);
  });

  test("make nothing where there is nothing", async () => {
    const state = join(scratch(), "state");
    expect((await runHere("vm", "networks", "--state", state)).stdout).toStartWith("You belong to no");
    expect(existsSync(state)).toBe(false);
  });
});
