import { afterAll, beforeAll, expect, test } from "bun:test";
import { Hono } from "hono";
import { deskMessagesApi } from "../../src/portal/desk-messages-api.ts";
import { DeskMessagesClient } from "../../src/portal/desk-messages-client.ts";
import { guestApp } from "../../src/portal/guest-app.ts";
import { type Browser, openBrowser, type PageOptions, screenshot } from "../lab/browser.ts";
import { describeNeeding } from "../needs.ts";
import { capturedLog } from "../unit/captured-log.ts";
import { Writer } from "../unit/messages/custody/writers.ts";
import { messagesBox } from "../unit/messages/messages-box.ts";
import { FACTS } from "../unit/portal/facts.ts";
import { FakeDesk, followingDirectory, RELEASED } from "../unit/portal/fake-desk.ts";
import { scratchFolders } from "../unit/scratch.ts";
import { PERSON_HEADER, startAppBox } from "./app-box.ts";

const TIMEOUT_MS = 60_000;
const ADDRESS = "10.20.0.16";
const STATION = "02:00:00:00:00:16";
const scratch = scratchFolders();

/** The portal's plain pages on a real box's messages, for one guest who has agreed. */
async function startFormsBox(folder: string) {
  const box = messagesBox(folder);
  await box.part.start();
  const { log } = capturedLog();
  const deviceAt = async () => ({ station: STATION, agreed: true });
  const api = new Hono().route("/messages", deskMessagesApi(box.guests, deviceAt, log));
  const client = new DeskMessagesClient(async (input, init) => api.fetch(new Request(input, init)));
  const desk = new FakeDesk();
  desk.guests.set(ADDRESS, RELEASED);
  const facts = { ...FACTS, messages: true, portalHosts: ["127.0.0.1"] };
  const app = guestApp(await followingDirectory(desk, facts), desk, client);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => app.fetch(request, { address: ADDRESS, secure: false }),
  });
  return {
    ...box,
    url: `http://127.0.0.1:${server.port}`,
    async stop() {
      await server.stop(true);
      await box.part.stop();
    },
  };
}

describeNeeding(["chromium"], "a phone that has written a lot", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
  }, TIMEOUT_MS);

  afterAll(() => browser?.close());

  /** Writes on the town square until the box takes no more for nothing, and shows what comes then. */
  async function flooded(options: PageOptions = {}) {
    const box = await startFormsBox(scratch());
    const post = (count: number) =>
      box.guests.post({ station: STATION, form: `f${count}` }, "square", { name: "", text: "again" });
    for (let count = 0; !("refused" in (await post(count))); count += 1);
    const page = await browser.page(options);
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${box.url}/write?lang=en`);
    await page.locator("textarea").fill("Bread at the school");
    await page.getByRole("button").click();
    return { box, page, complaints };
  }

  const texts = (posts: { items: { text: string }[] }) => posts.items.map(({ text }) => text);

  test(
    "comes through with a form by work that its browser does",
    async () => {
      const { box, page, complaints } = await flooded();
      await page.getByText("Your device has done its work. Please send it now.").waitFor();
      expect(await page.getByText("Please wait a minute").isVisible()).toBe(false);
      await screenshot(page, "flood-form");
      await page.getByRole("button").click();
      await page.getByText("Write this code down").waitFor();
      expect(texts(box.guests.posts("square"))[0]).toBe("Bread at the school");
      expect(complaints).toEqual([]);
      await page.context().close();
      await box.stop();
    },
    TIMEOUT_MS,
  );

  test(
    "may send the form before the work is done: it goes out when it is, once",
    async () => {
      const { box, page } = await flooded();
      await page.getByRole("button").click();
      await page.getByText("Write this code down").waitFor();
      expect(texts(box.guests.posts("square")).filter((text) => text === "Bread at the school")).toHaveLength(
        1,
      );
      await page.context().close();
      await box.stop();
    },
    TIMEOUT_MS,
  );

  test(
    "is told to wait where it runs no scripts, and loses no word",
    async () => {
      const { box, page } = await flooded({ javaScript: false });
      expect(await page.getByText("Please wait a minute").isVisible()).toBe(true);
      expect(await page.getByText("Please send it now").isVisible()).toBe(false);
      expect(await page.locator("textarea").inputValue()).toBe("Bread at the school");
      await page.context().close();
      await box.stop();
    },
    TIMEOUT_MS,
  );

  test(
    "comes through with what is for one person too, with nothing to tap",
    async () => {
      const box = await startAppBox(scratch());
      const page = await browser.page();
      await page.setExtraHTTPHeaders({ [PERSON_HEADER]: "42" });
      const works: string[] = [];
      page.on("request", (request) => {
        const work = new URL(request.url()).searchParams.get("work");
        if (work !== null) works.push(work);
      });
      const ana = new Writer(1);
      const card = ana.card("Ana", 1).encoded;
      const submit = () => box.guests.submit({ station: "02:00:00:00:00:42" }, card);
      while (!("refused" in (await submit())));
      // Making a key takes its time: what it may write meanwhile is written too.
      const goesOn = setInterval(() => void submit(), 5);
      await page.goto(`${box.url}?lang=en`);
      await page.getByLabel("Your name").fill("Ben");
      await page.getByRole("button", { name: "Make my key" }).click();
      await page.getByRole("button", { name: "I have written them down" }).click();
      for (let tries = 0; tries < 200 && box.guests.cards("Ben").length === 0; tries += 1)
        await page.waitForTimeout(50);
      clearInterval(goesOn);
      expect(box.guests.cards("Ben")).toHaveLength(1);
      expect(works.length).toBeGreaterThan(0);
      await page.context().close();
      await box.stop();
    },
    TIMEOUT_MS,
  );
});
