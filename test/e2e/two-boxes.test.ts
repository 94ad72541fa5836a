import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, openBrowser } from "../lab/browser.ts";
import { until } from "../lab/lab.ts";
import { describeNeeding } from "../needs.ts";
import { inspect, visit } from "./person.ts";

const TIMEOUT_MS = 60_000;
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
/** The page loads itself again on purpose: it is a view of what goes on. */
const REFRESHES = ["meta-refresh"];

describeNeeding(["chromium"], "Two boxes that are started with one command on one machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "omb-two-boxes-"));
  const places = ["--state", join(folder, "state"), "--run", join(folder, "run")];
  let boxes: Bun.Subprocess<"ignore", "pipe", "inherit">;
  let browser: Browser;
  let output = "";

  beforeAll(async () => {
    boxes = Bun.spawn([process.execPath, MAIN, "run", "--boxes", "2", "--no-neighbour", ...places], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
    };
    void read(boxes.stdout);
    browser = await openBrowser();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    boxes.kill("SIGTERM");
    await boxes.exited;
    rmSync(folder, { recursive: true, force: true });
  }, TIMEOUT_MS);

  test(
    "find each other, and each operator's page shows the other one and the way to it",
    async () => {
      const urls = await until(
        "both to be up",
        () => {
          const all = [...output.matchAll(/Status page for the operator\s+(\S+)/g)].map(
            ([, url = ""]) => url,
          );
          return all.length === 2 ? all : undefined;
        },
        30_000,
      );
      const page = await browser.page({ viewport: { width: 1024, height: 768 } });
      for (const [index, url] of urls.entries()) {
        const row = page.getByRole("region", { name: "Other boxes", exact: true }).getByRole("row").nth(1);
        await until(
          "the other box to be shown",
          async () => {
            await visit(page, url);
            return (await page.getByText("ethernet by lo").count()) === 1;
          },
          30_000,
        );
        expect(await row.textContent()).toMatch(index === 0 ? /Box 2.*connected/ : /Omerta Box.*connected/);
      }
      await inspect(page, "two-boxes", REFRESHES);
    },
    TIMEOUT_MS,
  );

  test(
    "end together",
    async () => {
      boxes.kill("SIGINT");
      expect(await boxes.exited).toBe(0);
    },
    TIMEOUT_MS,
  );
});
