import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Browser, openBrowser, type Page } from "../lab/browser.ts";
import { describeNeeding } from "../needs.ts";
import { scratchFolders } from "../unit/scratch.ts";
import { PERSON_HEADER, startAppBox } from "./app-box.ts";

const TIMEOUT_MS = 90_000;
const scratch = scratchFolders();

/** As over plain HTTP, where browsers have no Web Locks. */
const WITHOUT_LOCKS = `Object.defineProperty(Navigator.prototype, "locks", { value: undefined });`;
const ELSEWHERE = "This page is open in another tab or window";

describeNeeding(["chromium"], "two tabs of one browser", () => {
  let browser: Browser;
  let box: Awaited<ReturnType<typeof startAppBox>>;

  beforeAll(async () => {
    [browser, box] = await Promise.all([openBrowser(), startAppBox(scratch())]);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
    await box?.stop();
  });

  let people = 10;

  /** A page in a browser of its own, and a way to open further tabs in it. */
  async function open(name: string, before: string) {
    people += 1;
    const person = String(people);
    const prepare = async (page: Page): Promise<Page> => {
      await page.addInitScript(before);
      await page.setExtraHTTPHeaders({ [PERSON_HEADER]: person });
      await page.goto(`${box.url}?lang=en`);
      return page;
    };
    const page = await prepare(await browser.page());
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Make my key" }).click();
    await page.getByRole("button", { name: "I have written them down" }).click();
    return { page, another: async () => prepare(await page.context().newPage()) };
  }

  async function writeTo(page: Page, name: string, text: string): Promise<void> {
    const found = page.locator("div[role=status] .xp", { hasText: name });
    await page.getByLabel("Name, or part of it").fill(name);
    for (let tries = 0; tries < 50 && !(await found.isVisible()); tries += 1) {
      await page.getByRole("button", { name: "Search" }).click();
      await page.waitForTimeout(100);
    }
    await found.first().click();
    await say(page, text);
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByLabel("Your message").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  }

  const said = (page: Page, text: string) => page.locator(".xm", { hasText: text });

  test.each([
    ["with locks", ""],
    ["without locks", WITHOUT_LOCKS],
  ] as const)(
    "take turns, each with all that the other has kept, and nothing is lost or sent twice: %s",
    async (how, before) => {
      const [one, ben] = [await open(`Ana ${how}`, before), await open(`Ben ${how}`, before)];
      await writeTo(one.page, `Ben ${how}`, "one");
      await said(one.page, "one").getByText("has arrived").waitFor();
      const two = await one.another();
      await one.page.getByText(ELSEWHERE).waitFor();
      await two.locator(".xp", { hasText: `Ben ${how}` }).click();
      await said(two, "one").waitFor();
      await say(two, "two");
      await said(two, "two").getByText("has arrived").waitFor();
      await one.page.getByRole("button", { name: "Go on here" }).click();
      await two.getByText(ELSEWHERE).waitFor();
      await said(one.page, "two").getByText("has arrived").waitFor();
      await say(one.page, "three");
      await said(one.page, "three").getByText("has arrived").waitFor();
      await ben.page.locator(".xp", { hasText: `Ana ${how}` }).click();
      await said(ben.page, "three").waitFor();
      await say(ben.page, "four");
      await said(one.page, "four").waitFor();
      const all = await ben.page.locator(".xm").allInnerTexts();
      const starts = all.map((text) => /^[a-z]+/.exec(text)?.[0]);
      expect(starts).toEqual(["one", "two", "three", "four"]);
      await one.page.context().close();
      await ben.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "go on in the one that is left, once it is looked at again, with nothing to tap",
    async () => {
      const { page, another } = await open("Ana Left", WITHOUT_LOCKS);
      const other = await another();
      await page.getByText(ELSEWHERE).waitFor();
      await other.goto("about:blank");
      await page.evaluate(`dispatchEvent(new Event("focus"))`);
      await page.getByLabel("Name, or part of it").waitFor();
      // Now a third waits for it to give way.
      await another();
      await page.getByText(ELSEWHERE).waitFor();
      await page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "do not send again what the one before was about to, when the box was away",
    async () => {
      const [ana, ben] = [await open("Ana Away", WITHOUT_LOCKS), await open("Ben Away", WITHOUT_LOCKS)];
      await writeTo(ana.page, "Ben Away", "one");
      await said(ana.page, "one").getByText("has arrived").waitFor();
      box.away(true);
      await say(ana.page, "two");
      await ana.page.getByText("The box does not answer at the moment").waitFor();
      const before = box.submitted.length;
      const another = await ana.another();
      await ana.page.getByText(ELSEWHERE).waitFor();
      box.away(false);
      await another.locator(".xp", { hasText: "Ben Away" }).click();
      await said(another, "two").getByText("has arrived").waitFor();
      const directs = box.submitted.slice(before).filter(({ kind }) => kind === "direct");
      // Hers, and perhaps the mark that it was read.
      expect(directs.filter(({ sender }) => sender.as === "person")).toHaveLength(1);
      await ben.page.locator(".xp", { hasText: "Ana Away" }).click();
      await said(ben.page, "two").waitFor();
      expect(await ben.page.locator(".xm").count()).toBe(2);
      await ana.page.context().close();
      await ben.page.context().close();
    },
    TIMEOUT_MS,
  );
});
