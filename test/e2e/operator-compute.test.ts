import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { ConsolePart } from "../../src/portal/index.ts";
import type { StatusSource } from "../../src/portal/status.ts";
import { lendsNothing, type OperatedCompute } from "../../src/vm/operator/index.ts";
import { type Browser, openBrowser, type Page } from "../lab/browser.ts";
import { describeNeeding } from "../needs.ts";
import { gatewayWithDesk } from "../unit/portal/desk-gateway.ts";
import { scratchFolders } from "../unit/scratch.ts";
import { idOf, local, member, policy, rule, stranger } from "../unit/vm/admission/fixed-case.ts";
import { Asker } from "../unit/vm/lending/asker.ts";
import { eventually } from "../unit/vm/lending/played-ground.ts";
import { counted, operated } from "../unit/vm/operator/played-lending.ts";
import { heading, inspect, sidewaysOverflow, tap } from "./person.ts";

const TIMEOUT_MS = 60_000;
const scratch = scratchFolders();
const REFRESHES = ["meta-refresh"];

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

describeNeeding(["chromium"], "the operator's page of what the box lends", () => {
  let browser: Browser;
  const ends: (() => unknown)[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
  }, TIMEOUT_MS);
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => browser?.close());

  /** The operator's page of a box whose other parts have nothing to tell. @returns its address */
  async function consoleOf(compute: OperatedCompute): Promise<string> {
    const runFolder = scratch();
    const { gateway, journal, clock } = await gatewayWithDesk(runFolder);
    const source: StatusSource = {
      ...{ name: "Elm Street", version: "0.0.0", mode: "bench", config: { file: null, problems: [] } },
      ...{ messages: undefined, compute, gateway, journal, parts: () => [] },
      lora: {
        view: () => ({ address: "39f7f4", cases: [], texts: [] }),
        send: () => ({ accepted: true, id: 1, etaSeconds: 1 }),
      },
      mesh: { networks: () => [], peers: () => [] },
      monotonicMs: () => clock.monotonicMs(),
    };
    const port = freePort();
    const part = new ConsolePart({ listen: [`127.0.0.1:${port}`], runFolder, source });
    await part.start();
    ends.push(
      () => journal.close(),
      () => gateway.stop(),
      () => part.stop(),
    );
    return `http://127.0.0.1:${port}`;
  }

  /** A box with two leases, one of which does harm, two who wait for room and one for an answer, as seen at a desk. */
  async function busyBox(): Promise<ReturnType<typeof operated> & { page: Page; url: string }> {
    const bo = new Asker(2);
    const counts = { atOnce: 2, perRequester: 4, perSource: 16, waiting: 8 };
    const box = operated(scratch(), {
      policy: policy({
        ...{ accept: "all", counts, operatorsInspect: true },
        ...{ quietHours: { from: 23 * 60, to: 6 * 60 }, blocked: ["ab".repeat(32)] },
        rules: [rule({ requester: bo.publicKey, verdict: "ask" })],
      }),
      names: {
        requester: (_, network) => (network === undefined ? undefined : "Nachbarschaftsnetzwerk"),
        network: () => "Valley",
      },
    });
    const { lender, traffic, statistics, state } = box;
    await lender.start();
    ends.push(
      () => box.journal.close(),
      () => box.store.close(),
      () => lender.stop(),
    );
    const runs = (count: number) => () =>
      lender.leases().filter(({ lease }) => lease.state.phase === "running").length === count;
    const askers = [1, 3, 4, 5].map((number) => new Asker(number)) as [Asker, Asker, Asker, Asker];
    const over = askers[0].asks(9, { activity: "Try whether it works" });
    await lender.request(over, member);
    await eventually("the first runs", runs(1));
    await lender.operatorEnds(idOf(9));
    await eventually("the first is over", () => lender.live().length === 0);
    await lender.request(
      askers[0].asks(1, { activity: "Render a map of the delta for the next flood" }),
      local,
    );
    await lender.request(askers[1].asks(3, { activity: "خرائط للجيران <b>و</b> tools" }), member);
    await eventually("both run", runs(2));
    await lender.request(
      bo.asks(2, { activity: `Count herons ${"h".repeat(180)}`, durationS: 1_800 }),
      member,
    );
    await lender.request(askers[2].asks(4, { network: undefined, activity: "Compile" }), stranger);
    await lender.request(askers[3].asks(5, { activity: "Train a small model" }), member);
    traffic.set(idOf(1), counted(2_048, 5_000_000));
    traffic.set(idOf(3), counted(120_000, 900, 12));
    statistics.set(idOf(1), { cpuMs: 312_300, energyMj: 4_500_000 });
    state.laterMs = 95_000;
    const url = await consoleOf(box.operator);
    const page = await browser.page({ viewport: { width: 1024, height: 768 } });
    await page.goto(`${url}/compute`);
    return { ...box, page, url };
  }

  const articles = (page: Page, text: string) => page.getByRole("article").filter({ hasText: text });

  test(
    "shows all of it readably, at a desk and on the smallest phone, in light and dark",
    async () => {
      const { page } = await busyBox();
      expect(await heading(page)).toBe("Elm Street: compute");
      const titles = await page.getByRole("heading", { level: 2 }).allTextContents();
      expect(titles).toEqual(["For you to answer", "Waiting", "Lent", "Over", "Blocked"]);
      expect(await page.locator("main b").count()).toBe(0);
      const harm = articles(page, "خرائط");
      expect(await harm.textContent()).toContain("12 packets were tried past its tunnel, and dropped");
      expect(await harm.textContent()).toContain("Nachbarschaftsnetzwerk (");
      expect(await articles(page, "Render a map").textContent()).toContain("312 s of processor time, 1.3 Wh");
      await inspect(page, "compute");
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await sidewaysOverflow(page)).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "lets in, refuses, ends and blocks by its forms, without a script",
    async () => {
      const { page, lender, blocked } = await busyBox();
      await tap(page, "Allow");
      expect(await page.getByRole("status").textContent()).toBe("Done.");
      expect(await page.getByRole("heading", { name: "For you to answer" }).count()).toBe(0);
      expect(await articles(page, "Count herons").textContent()).toContain("For room, place ");
      const refuse = articles(page, "Compile").getByRole("button", { name: "Refuse" });
      await Promise.all([page.waitForEvent("load"), refuse.click()]);
      expect(await articles(page, "Compile").count()).toBe(0);

      const lease = articles(page, "Render a map");
      await lease.getByText("End it", { exact: true }).click();
      const end = lease.getByRole("button", { name: "End it and delete it" });
      await Promise.all([page.waitForEvent("load"), end.click()]);
      await eventually("the next has it", () => lender.live().some(({ id }) => id === idOf(2)));
      await tap(page, "Look again");
      expect(await articles(page, "Count herons").textContent()).toMatch(/^(Running|Being made)/);

      const harm = articles(page, "خرائط");
      await harm.getByText("Block", { exact: true }).click();
      const block = harm.getByRole("button", { name: /^Lend who asked nothing/ });
      await Promise.all([page.waitForEvent("load"), block.click()]);
      expect(blocked.list()).toEqual([new Asker(3).publicKey]);
      await eventually("its machine is gone", () => !lender.live().some(({ id }) => id === idOf(3)));
      await tap(page, "Look again");
      await inspect(page, "compute-blocked");
      await tap(page, "Lend to them again");
      expect(blocked.list()).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "is led to from the status page, which says when somebody waits for an answer",
    async () => {
      const { page, url } = await busyBox();
      await page.goto(url);
      expect(await page.getByText("2 virtual machines are lent, 3 requests wait.").isVisible()).toBe(true);
      await inspect(page, "status-compute", REFRESHES);
      await tap(page, "Compute: 1 for you to answer");
      expect(await heading(page)).toBe("Elm Street: compute");
    },
    TIMEOUT_MS,
  );

  test(
    "says in plain words what a box that lends nothing lacks",
    async () => {
      const why =
        "/usr/bin/qemu-system-x86_64 is missing (package qemu-system-x86); there is no image for virtual machines in /usr/share/omerta-box/images";
      const url = await consoleOf(lendsNothing(why, policy()));
      const page = await browser.page({ viewport: { width: 1024, height: 768 } });
      await page.goto(url);
      expect(await page.getByText(`This box lends nothing: ${why}.`).isVisible()).toBe(true);
      await tap(page, "Compute: look, end, block");
      expect(await page.getByRole("heading", { name: "This box lends nothing" }).isVisible()).toBe(true);
      expect(await page.getByText(`${why}.`, { exact: true }).isVisible()).toBe(true);
      await inspect(page, "compute-nothing");
    },
    TIMEOUT_MS,
  );
});
