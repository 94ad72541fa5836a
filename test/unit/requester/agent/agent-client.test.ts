import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AgentClient } from "../../../../src/requester/agent/agent-client.ts";
import { describeNeeding } from "../../../needs.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const pids = new Set<number>();
afterAll(() => {
  for (const pid of pids) if (isAgent(pid)) process.kill(pid, "SIGTERM");
});

const isAgent = (pid: number): boolean =>
  existsSync(`/proc/${pid}/cmdline`) &&
  readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("agent-process.ts");

/** Processes that have ever been agents of a state. */
function agents(state: string): number[] {
  const found = [...readFileSync(join(state, "agent.log"), "utf8").matchAll(/begins, process (\d+)/g)];
  const numbers = found.map(([, pid]) => Number(pid));
  for (const pid of numbers) pids.add(pid);
  return numbers;
}

async function untilGone(pid: number): Promise<void> {
  for (let tries = 0; tries < 1_000 && isAgent(pid); tries += 1) await Bun.sleep(20);
  expect(isAgent(pid)).toBe(false);
}

describeNeeding(["program:flock"], "Who asks an agent", () => {
  test("starts one where none runs, one alone however many ask, and has another after it was killed", async () => {
    const folder = scratch();
    const folders = { state: join(folder, "state"), run: join(folder, "run") };
    const ask = () => new AgentClient(folders).list();
    const nothing = { leases: [] };
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([nothing, nothing, nothing]);
    const [first = 0, ...others] = agents(folders.state);
    expect([others.length, isAgent(first)]).toEqual([0, true]);

    // Its socket stays where it was.
    process.kill(first, "SIGKILL");
    await untilGone(first);
    expect(existsSync(join(folders.run, "agent.sock"))).toBe(true);
    expect(await ask()).toEqual({ leases: [] });
    const [, second = 0] = agents(folders.state);
    expect(isAgent(second)).toBe(true);

    // Nobody has to ask.
    process.kill(second, "SIGKILL");
    for (let tries = 0; tries < 1_000 && agents(folders.state).length < 3; tries += 1) await Bun.sleep(20);
    const [, , third = 0] = agents(folders.state);
    expect(await ask()).toEqual({ leases: [] });
    process.kill(third, "SIGTERM");
    await untilGone(third);
    expect(agents(folders.state)).toHaveLength(3);
  }, 60_000);

  test("is told where the log is when an agent cannot start", async () => {
    const folder = scratch();
    const state = join(folder, "state");
    // A folder where the state's file should be.
    mkdirSync(join(state, "requester.json"), { recursive: true });
    const asked = new AgentClient({ state, run: join(folder, "run") }).list();
    await expect(asked).rejects.toThrow(`its log is ${state}/agent.log`);
  }, 60_000);
});
