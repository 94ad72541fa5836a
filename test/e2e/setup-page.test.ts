import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { SETUP_LANGUAGES } from "../../image-build/setup-page/locales.ts";
import { SETUP_PAGE } from "../../image-build/setup-page/make-page.ts";
import { parseConfig } from "../../src/config/index.ts";
import { audit, type Browser, openBrowser, type Page, screenshot } from "../lab/browser.ts";
import { describeNeeding } from "../needs.ts";

const TIMEOUT_MS = 60_000;
/** Dots and brackets are part of the fields' names. */
const field = (page: Page, key: string) => page.locator(`[id="${key}"]`);

describeNeeding(["chromium"], "The page on the card, opened from it in a browser", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
  });

  async function opened(locale = "en-US") {
    const page = await browser.page({ locale });
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`file://${SETUP_PAGE}`);
    return { page, asked };
  }

  test(
    "saves an omerta.toml that the box takes, and asks the network for nothing",
    async () => {
      const { page, asked } = await opened();
      await field(page, "box.name").fill('Marktplatz "Mitte"');
      await field(page, "box.operator").fill("جيران الشارع");
      await field(page, "wifi.country").selectOption("DE");
      await field(page, "wifi.uplinks[].ssid").fill("Library");
      await field(page, "wifi.uplinks[].password").fill("eight or more");
      await field(page, "gateway.uplink.allow").check();
      await field(page, "lora.region").selectOption("EU868");
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Save omerta.toml" }).click(),
      ]);
      expect(download.suggestedFilename()).toBe("omerta.toml");
      const text = readFileSync(await download.path(), "utf8");
      expect(text).toBe((await page.locator("#text").inputValue()).replaceAll("\n", "\r\n"));
      const { box, wifi, gateway, lora } = parseConfig(text);
      expect([box.name, box.operator, wifi.country, lora.region]).toEqual([
        'Marktplatz "Mitte"',
        "جيران الشارع",
        "DE",
        "EU868",
      ]);
      expect([wifi.uplinks, gateway.uplink.allow]).toEqual([
        [{ ssid: "Library", password: "eight or more", password_file: "" }],
        true,
      ]);
      expect(await page.getByText("Then put the card into the box").isVisible()).toBe(true);
      expect(asked.filter((url) => !url.startsWith("file:") && !url.startsWith("blob:"))).toEqual([]);
      expect(await audit(page)).toEqual([]);
      await screenshot(page, "setup-page-filled");
    },
    TIMEOUT_MS,
  );

  test(
    "says beside the field what is wrong, saves nothing then, and leads to it",
    async () => {
      const { page } = await opened();
      const downloads: unknown[] = [];
      page.on("download", (download) => downloads.push(download));
      await field(page, "wifi.uplinks[].ssid").fill("Library");
      await field(page, "wifi.uplinks[].password").fill("short");
      await page.getByRole("button", { name: "Save omerta.toml" }).click();
      expect(await page.locator('[id="fault-wifi.uplinks[].password"]').textContent()).toContain("8 to 63");
      expect(await page.evaluate("document.activeElement.id")).toBe("wifi.uplinks[].password");
      expect([await page.locator("#text").inputValue(), downloads]).toEqual(["", []]);
      await screenshot(page, "setup-page-fault");
      await field(page, "wifi.uplinks[].password").fill("long enough");
      expect(await page.locator('[id="fault-wifi.uplinks[].password"]').textContent()).toBe("");
    },
    TIMEOUT_MS,
  );

  test(
    "speaks the browser's language, or the one that is chosen, and fits a small screen in each",
    async () => {
      const { page } = await opened("fr-CA");
      expect(await page.locator("h1").textContent()).toBe("Configurer une Omerta Box");
      await page.setViewportSize({ width: 320, height: 640 });
      for (const { code, direction, texts } of SETUP_LANGUAGES) {
        await page.locator("#language").selectOption(code);
        expect(await page.locator("h1").textContent()).toBe(texts.title);
        expect(await page.evaluate("[document.documentElement.lang, document.documentElement.dir]")).toEqual([
          code,
          direction,
        ]);
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
        expect(await audit(page)).toEqual([]);
        if (code === "ar" || code === "uk") await screenshot(page, `setup-page-${code}`);
      }
    },
    TIMEOUT_MS,
  );
});
