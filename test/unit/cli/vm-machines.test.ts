import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { Hono } from "hono";
import { CONTROL_SOCKET } from "../../../src/host/box-places.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { operatorComputeApi } from "../../../src/portal/operator-compute-api.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";
import { operated } from "../vm/operator/played-lending.ts";
import { runHere } from "./run-here.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** libvirt's built-in driver for tests, which holds one machine. */
const LIBVIRT = ["--libvirt", "test:///default"];

describeNeeding(["program:virsh"], "omerta-box vm machines", () => {
  test("shows the computer, and each machine with what it has and whose it is by the box's word", async () => {
    const folder = scratch();
    const { operator, state, store, journal, lender } = operated(scratch());
    await lender.start();
    const app = new Hono().route("/api/compute", operatorComputeApi(operator));
    const server = serveSocket(join(folder, CONTROL_SOCKET), (request) => app.fetch(request));
    ends.push(
      () => journal.close(),
      () => store.close(),
      () => lender.stop(),
      () => server.stop(true),
    );
    const cli = (...args: string[]) => runHere("vm", "machines", ...LIBVIRT, "--run", folder, ...args);
    const size = "2 processors, 2048 MiB";
    const { stdout, exitCode } = await cli();
    expect(stdout).toMatch(/^This computer: i686, 16 processors, 3072 MiB \(libvirt, through [@a-z/:]+\)\n/);
    expect(stdout).toEndWith(`\ntest  running  ${size}  not this box's\n`);
    expect(exitCode).toBe(0);
    state.others = [{ domain: "test", of: "pool", id: "0".repeat(32) }];
    expect((await cli()).stdout).toEndWith(`\ntest  running  ${size}  waits for a lease\n`);
    const [machine] = JSON.parse((await cli("--json")).stdout).machines;
    expect(machine).toMatchObject({ name: "test", state: "running", cpus: 2, whose: { of: "pool" } });
  }, 60_000);

  test("shows what there is also where no box runs, and says that none does", async () => {
    const { stdout, stderr, exitCode } = await runHere("vm", "machines", ...LIBVIRT, "--run", scratch());
    expect(stdout).toEndWith("2048 MiB  not this box's\n");
    expect(stderr).toContain("no box is running here");
    expect(exitCode).toBe(0);
  }, 60_000);

  test("fails where libvirt does not answer", async () => {
    const args = ["--libvirt", "qemu+unix:///system?socket=/nowhere", "--run", scratch()];
    const { exitCode, stderr, stdout } = await runHere("vm", "machines", ...args);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("/nowhere");
    expect(stdout).toBe("");
  }, 60_000);
});
