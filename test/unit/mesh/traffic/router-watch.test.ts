import { expect, test } from "bun:test";
import { RouterWatch } from "../../../../src/mesh/traffic/router-watch.ts";

const ROUTER = { interface: "wan0", address: "192.0.2.1" };

/** @param states what the kernel says at each look; "" where it has no entry */
async function looks(states: readonly string[]) {
  const asked: string[] = [];
  let state = "";
  const watch = new RouterWatch(async (command) => {
    const text = command.join(" ");
    const row = { dst: ROUTER.address, dev: ROUTER.interface, state: [state] };
    if (text === "ip -j neigh show")
      return { exitCode: 0, stdout: state === "" ? "" : JSON.stringify([row]), stderr: "" };
    asked.push(text.replace("ip neigh ", ""));
    return { exitCode: 0, stdout: "", stderr: "" };
  });
  const silent: boolean[] = [];
  for (state of states) silent.push((await watch.silent([ROUTER]))(ROUTER));
  return { silent, asked };
}

test("a router is silent once the kernel has asked it in vain, until it answers again", async () => {
  const { silent } = await looks([
    "",
    "REACHABLE",
    "STALE",
    "FAILED",
    "INCOMPLETE",
    "",
    "FAILED",
    "REACHABLE",
  ]);
  expect(silent).toEqual([false, false, false, true, true, true, true, false]);
});

test("a router that was never asked counts as answering until it was", async () => {
  expect((await looks(["", "INCOMPLETE", "FAILED"])).silent).toEqual([false, false, true]);
});

test("each look has the kernel ask again, but for what is set by hand", async () => {
  expect((await looks(["", "REACHABLE", "FAILED", "PERMANENT"])).asked).toEqual([
    "replace 192.0.2.1 dev wan0 use",
    "change 192.0.2.1 dev wan0 nud probe",
    "replace 192.0.2.1 dev wan0 use",
  ]);
});
