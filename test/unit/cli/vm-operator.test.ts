import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Hono } from "hono";
import { CONTROL_SOCKET } from "../../../src/host/box-places.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { operatorComputeApi } from "../../../src/portal/operator-compute-api.ts";
import { scratchFolders } from "../scratch.ts";
import { idOf, member, policy } from "../vm/admission/fixed-case.ts";
import { Asker } from "../vm/lending/asker.ts";
import { eventually } from "../vm/lending/played-ground.ts";
import { operated } from "../vm/operator/played-lending.ts";
import { runHere } from "./run-here.ts";

const scratch = scratchFolders();
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const counts = { atOnce: 1, perRequester: 4, perSource: 16, waiting: 4 };

/** A box that lends, behind its control socket, and the command line beside it. */
async function box() {
  const folder = scratch();
  const stand = operated(scratch(), { policy: policy({ accept: "ask", counts }) });
  await stand.lender.start();
  const app = new Hono().route("/api/compute", operatorComputeApi(stand.operator));
  const server = serveSocket(join(folder, CONTROL_SOCKET), (request) => app.fetch(request));
  ends.push(
    async () => stand.journal.close(),
    async () => stand.store.close(),
    () => stand.lender.stop(),
    () => server.stop(true),
  );
  const cli = (...args: string[]) => runHere("vm", ...args, "--run", folder);
  return { ...stand, cli };
}

const ana = new Asker(1);
const DONE = { exitCode: 0, stdout: "Done.\n", stderr: "" };

describe("omerta-box vm, for the operator", () => {
  test("shows who asks and what for, lets them in by the first digits, and ends what they have", async () => {
    const { cli, lender } = await box();
    await lender.request(ana.asks(1, { activity: "Render a map of the delta" }), member);
    const { stdout } = await cli("leases");
    expect(stdout).toContain("Waiting:\n  00000001  For your answer, asked 0 s ago\n");
    expect(stdout).toContain("for: Render a map of the delta\n");
    expect(stdout).toContain("from 192.0.2.9, a member of 0123456789abcdef; priority 50, reputation 50\n");
    expect(await cli("allow", "00000001")).toEqual(DONE);
    await eventually("it runs", () => lender.leases()[0]?.lease.state.phase === "running");
    expect((await cli("leases")).stdout).toContain("Lent:\n  00000001  Running, 10 min left\n");
    expect(await cli("end", "00000001")).toEqual(DONE);
    await eventually("it is over", () => lender.live().length === 0);
    expect((await cli("leases")).stdout).toContain("Over:\n  00000001  ended by this box after 0 s");
  });

  test("refuses, blocks and unblocks, and says on standard error what cannot be", async () => {
    const { cli, lender, blocked } = await box();
    await lender.request(ana.asks(1), member);
    await lender.request(ana.asks(2), member);
    expect(await cli("refuse", idOf(1))).toEqual(DONE);
    expect(await cli("block", idOf(2))).toEqual(DONE);
    expect(blocked.list()).toEqual([ana.publicKey]);
    expect((await cli("leases")).stdout).toContain(`Blocked:\n  ${ana.publicKey.slice(0, 16)}  `);
    expect(await cli("unblock", ana.publicKey.slice(0, 16))).toEqual(DONE);
    const late = await cli("allow", "00000002");
    expect([late.exitCode, late.stderr]).toEqual([
      1,
      "omerta-box: 00000002: there is no such request that waits\n",
    ]);
    const wrong = await cli("end", "everything");
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      1,
      "omerta-box: id: 4 to 32 hex digits, as the lists show them\n",
    ]);
  });

  test("gives programs all of it, and says what a box that lends nothing lacks", async () => {
    const { cli, state } = await box();
    state.lendsNothing = "the kernel has no WireGuard, and wireguard-go is missing (package wireguard-go)";
    expect((await cli("leases")).stdout).toStartWith(`This box lends nothing: ${state.lendsNothing}.\n`);
    const view = JSON.parse((await cli("leases", "--json")).stdout);
    expect(view).toMatchObject({ lendsNothing: state.lendsNothing, leases: [], waiting: [], blocked: [] });
  });
});
