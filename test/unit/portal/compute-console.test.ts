import { afterEach, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { computeConsole } from "../../../src/portal/compute-console.ts";
import { lendsNothing } from "../../../src/vm/operator/index.ts";
import { scratchFolders } from "../scratch.ts";
import { idOf, member, policy } from "../vm/admission/fixed-case.ts";
import { Asker } from "../vm/lending/asker.ts";
import { eventually } from "../vm/lending/played-ground.ts";
import { counted, operated } from "../vm/operator/played-lending.ts";

const scratch = scratchFolders();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const counts = { atOnce: 1, perRequester: 4, perSource: 16, waiting: 4 };

async function stand(given = policy({ accept: "ask", counts })) {
  const box = operated(scratch(), { policy: given });
  await box.lender.start();
  ends.push(async () => {
    await box.lender.stop();
    box.store.close();
    box.journal.close();
  });
  const app = new Hono().route("/compute", computeConsole(box.operator, "Market Square"));
  const page = async () => (await app.request("/compute")).text();
  const token = async () => /name="token" value="([^"]+)"/.exec(await page())?.[1] ?? "";
  const send = async (action: string, fields: Record<string, string>) => {
    const body = new URLSearchParams({ token: await token(), ...fields });
    return await app.request(`/compute/${action}`, { method: "POST", body });
  };
  const runs = () => box.lender.leases()[0]?.lease.state.phase === "running";
  return { ...box, page, send, runs };
}

const ana = new Asker(1);

describe("the operator's page of what the box lends", () => {
  test("shows who waits for an answer first, escaped, and lets them in", async () => {
    const { lender, page, send, runs } = await stand();
    const activity = "<script>alert(1)</script> map";
    await lender.request(ana.asks(1, { activity }), member);
    const before = await page();
    expect(before).toContain("&lt;script&gt;alert(1)&lt;/script&gt; map");
    expect(before).not.toContain("<script>");
    expect(before.indexOf("For you to answer")).toBeLessThan(before.indexOf("<h2>Waiting</h2>"));
    const answer = await send("allow", { id: idOf(1) });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/compute?done"]);
    await eventually("it runs", runs);
    const after = await page();
    expect(after).not.toContain("For you to answer");
    expect(after).toContain("<h3>Running<span>, 10 min left</span></h3>");
    expect(after).toContain("nothing was tried");
  });

  test("shows what was tried and used, ends a lease, and says how it ended", async () => {
    const { lender, page, send, runs, traffic, statistics } = await stand(policy({ accept: "all", counts }));
    await lender.request(ana.asks(1), member);
    await eventually("it runs", runs);
    traffic.set(idOf(1), counted(2_048, 5_000_000, 3));
    statistics.set(idOf(1), { cpuMs: 12_300, energyMj: 7_200_000 });
    const text = await page();
    for (const fact of [
      "2.0 KiB sent, 4.8 MiB received",
      "3 packets were tried",
      "12 s of processor time, 2.0 Wh",
    ])
      expect(text).toContain(fact);
    await send("end", { id: idOf(1) });
    await eventually("it is over", () => lender.live().length === 0);
    expect(await page()).toContain("ended by this box after");
  });

  test("refuses, blocks and unblocks", async () => {
    const { lender, page, send, blocked } = await stand();
    await lender.request(ana.asks(1), member);
    await send("refuse", { id: idOf(1) });
    expect(lender.waiting()).toEqual([]);
    await lender.request(ana.asks(2), member);
    expect((await send("block", { who: idOf(2) })).status).toBe(303);
    expect(lender.waiting()).toEqual([]);
    expect(await page()).toContain("Lend to them again");
    await send("unblock", { who: ana.publicKey });
    expect(blocked.list()).toEqual([]);
  });

  test("does nothing without the token of the page, and says what is wrong with a form", async () => {
    const { lender, send } = await stand();
    await lender.request(ana.asks(1), member);
    expect((await send("allow", { id: idOf(1), token: "x" })).status).toBe(403);
    expect(lender.waiting()).toHaveLength(1);
    const wrong = await send("allow", { id: "yes" });
    expect(wrong.status).toBe(409);
    expect(await wrong.text()).toContain("id: 4 to 32 hex digits");
    expect((await send("allow", { id: "ffff" })).status).toBe(409);
    expect((await send("explode", {})).status).toBe(404);
  });

  test("says what is told to requesters of operators who look inside", async () => {
    const { page } = await stand(policy({ operatorsInspect: true }));
    expect(await page()).toContain("operators may look inside their machines");
  });

  test("says in plain words what is missing where the box lends nothing", async () => {
    const app = computeConsole(
      lendsNothing("there is no image for virtual machines in /usr/share/omerta-box/images", policy()),
      "Harbour",
    );
    const text = await (await app.request("/")).text();
    expect(text).toContain("<h2>This box lends nothing</h2>");
    expect(text).toContain("there is no image for virtual machines in /usr/share/omerta-box/images.");
  });
});
