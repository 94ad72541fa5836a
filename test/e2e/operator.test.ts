import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type LabBox, startBox } from "../lab/box.ts";
import { type Browser, openBrowser, type Page } from "../lab/browser.ts";
import { Lab, type LabHost } from "../lab/lab.ts";
import { Swarm } from "../lab/swarm.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import {
  bulletsAreAligned,
  heading,
  inspect,
  isDrawnLeftToRight,
  joins,
  type PhoneWithBrowser,
  tap,
  textsOf,
  visit,
} from "./person.ts";

const TIMEOUT_MS = 60_000;
const EN = textsOf("en");
/** The page loads itself again on purpose: it is a view of what goes on. */
const REFRESHES = ["meta-refresh"];

const PHONE_NUMBER = "+49 (0)30 1234567-89";

/** What an operator may write at most, and worse: words without a break, both directions, markup, several lines. */
function oddConfig(accent: string): string {
  const notice = "Trinkwasser von 8 bis 12 Uhr auf dem Schulhof, bitte eigene Kanister mitbringen. ";
  const services = [
    ["Nachbarschaftshilfevermittlungsstelle 12", "Wer Hilfe braucht oder anbietet: ".repeat(4).slice(0, 120)],
    ["مكتبة", "كتب وخرائط وإسعافات أولية"],
    ["Carte <i>libre</i> & plans", ""],
  ] as const;
  return [
    "[box]",
    `name = ${JSON.stringify("<b>& Nachbarschaftsnetzwerk Donaudampfschifffahrtstraße 112")}`,
    `operator = ${JSON.stringify("جيران الشارع (الحيّ القديم)، the neighbours, and Arbeitsgemeinschaft Notfallkommunikation e. V.")}`,
    `contact = ${JSON.stringify(`${PHONE_NUMBER}, https://notfallkommunikation.example/sehr/lange/adresse?mit=angaben&und=mehr`)}`,
    "[portal]",
    `accent = "${accent}"`,
    `welcome = ${JSON.stringify(`Willkommen!\nمرحبًا بكم.\n${"Hier finden Sie Hilfe. ".repeat(30)}`.slice(0, 600))}`,
    `notices = ${JSON.stringify([
      notice.repeat(5).slice(0, 400),
      "المياه في المدرسة من 8 إلى 12. Bring your own canister!",
      "a".repeat(200),
      "水在学校，八点到十二点。",
      "!",
    ])}`,
    ...services.flatMap(([name, description], index) => [
      "[[gateway.services]]",
      `name = ${JSON.stringify(name)}`,
      `description = ${JSON.stringify(description)}`,
      `port = ${8101 + index}`,
    ]),
  ].join("\n");
}

/** Where the operator's page listens, as the box itself says. */
async function consoleUrl(box: LabBox): Promise<string> {
  const { parts } = await box.status();
  return parts.find((part) => part.name === "console")?.detail.split(", ")[0] ?? "";
}

describeNeeding([...LAB_NEEDS, "chromium"], "What the operator set and sees", () => {
  const lab = new Lab("op");
  const swarms: Swarm[] = [];
  const browsers: Browser[] = [];

  const joinsAt = async (box: LabBox): Promise<PhoneWithBrowser> => {
    const swarm = new Swarm(lab, box.host, box.bridge);
    swarms.push(swarm);
    const phone = await joins(swarm);
    browsers.push(phone.browser);
    return phone;
  };
  const sitsAt = async (host: LabHost): Promise<Page> => {
    const browser = await openBrowser({ host });
    browsers.push(browser);
    return browser.page({ viewport: { width: 1024, height: 768 } });
  };

  beforeAll(async () => {
    await lab.open();
  }, TIMEOUT_MS);
  // Chromium is heavy and each test has its own box: none outlives its test.
  afterEach(async () => {
    for (const browser of browsers.splice(0)) await browser.close();
  }, TIMEOUT_MS);
  afterAll(async () => {
    for (const swarm of swarms) swarm.close();
    await lab.close();
  }, TIMEOUT_MS);

  test(
    "the status page, on the management side, shows the parts, the guest and the journal",
    async () => {
      const box = await startBox(lab, "seen", { config: '[box]\nname = "Elm Street"\n' });
      const { browser, address } = await joinsAt(box);
      const guest = await browser.page({ locale: "ar-EG" });
      await visit(guest, "http://example.com/");
      await tap(guest, textsOf("ar")("consent.button"));

      const page = await sitsAt(box.host);
      await visit(page, `http://${box.management.address}:${box.management.port}/`);
      expect(await heading(page)).toBe("Elm Street");
      for (const part of ["gateway", "portal", "console"])
        expect(await page.getByRole("row", { name: `${part} running` }).isVisible()).toBe(true);
      const row = page.getByRole("row").filter({ hasText: address }).first();
      expect(await row.textContent()).toMatch(/releasedar(1 d|23 h 59 min)$/);
      expect(await page.getByRole("row").filter({ hasText: "guest-agreed" }).count()).toBe(1);
      await inspect(page, "status", REFRESHES);
    },
    TIMEOUT_MS,
  );

  test(
    "a guest reaches the status page by none of the box's addresses",
    async () => {
      const box = await startBox(lab, "shut");
      const { browser } = await joinsAt(box);
      const page = await browser.page();
      await visit(page, "http://example.com/");
      await tap(page, EN("consent.button"));
      for (const host of [box.management.address, box.address, `[${box.address6}]`, "omerta.internal"]) {
        const failure = await page
          .goto(`http://${host}:${box.management.port}/`)
          .catch((error: Error) => error.message);
        expect(failure).toMatch(/ERR_(CONNECTION_REFUSED|ADDRESS_UNREACHABLE)/);
      }
    },
    TIMEOUT_MS,
  );

  const claims = async (page: Page, { runFolder }: LabBox) => {
    const view = await fetch("http://box/api/operator", { unix: join(runFolder, "control.sock") });
    const { claimCode } = (await view.json()) as { claimCode: string };
    await page.locator('[name="code"]').fill(claimCode);
    await page.locator('[name="password"]').fill("three quiet words");
    await Promise.all([page.waitForEvent("load"), page.locator("main form button").first().click()]);
  };

  for (const [name, what, config, problems] of [
    [
      "wrong",
      "wrong keys and values",
      '[box]\nname = "Elm Street"\n[gateway]\nlease_minuts = 5\nguest_rate_kbit = "fast"\n[portal]\naccent = "green"\n',
      [
        "gateway.lease_minuts: unknown key; did you mean",
        'gateway.guest_rate_kbit: "fast"',
        'portal.accent: "green"',
      ],
    ],
    ["torn", "no TOML at all", "[box\nname = Elm Street\n", ["line 1"]],
  ] as const) {
    test(
      `a box whose omerta.toml has ${what} comes up, says so to guests, and tells the operator what to mend`,
      async () => {
        const box = await startBox(lab, name, { config });
        const { browser } = await joinsAt(box);
        const guest = await browser.page();
        await visit(guest, "http://example.com/");
        expect(await guest.getByText(EN("problem.config")).isVisible()).toBe(true);
        await inspect(guest, `broken-${name}-welcome`);
        await tap(guest, EN("consent.button"));
        expect(await heading(guest)).toBe(EN("on.title"));

        const page = await sitsAt(box.host);
        await visit(page, await consoleUrl(box));
        // Where nothing of the file can be read, not even that this box's page is everybody's holds.
        if (name === "torn") await claims(page, box);
        const text = await page.getByRole("main").textContent();
        expect(text).toContain("Part of the configuration is wrong");
        expect(text).toContain(join(lab.folder, `${name}.toml`));
        for (const problem of problems) expect(text).toContain(problem);
        await inspect(page, `broken-${name}-status`, REFRESHES);
      },
      TIMEOUT_MS,
    );
  }

  for (const [accent, language] of [
    ["#ffee00", "en"],
    ["#1a0033", "ar"],
  ] as const) {
    test(
      `long texts, foreign scripts, markup and the accent colour ${accent} leave the pages readable (${language})`,
      async () => {
        const t = textsOf(language);
        const name = `odd-${language}`;
        const box = await startBox(lab, name, { config: oddConfig(accent) });
        const { browser } = await joinsAt(box);
        const page = await browser.page({ locale: language });
        await visit(page, "http://example.com/");
        expect(await heading(page)).toContain("<b>& Nachbarschaftsnetzwerk");
        expect(await page.locator("main b, main i").count()).toBe(0);
        await inspect(page, `${name}-welcome`);
        expect(await bulletsAreAligned(page)).toBe(true);
        expect(await isDrawnLeftToRight(page, PHONE_NUMBER)).toBe(true);
        await tap(page, t("consent.button"));
        await inspect(page, `${name}-on`);
      },
      TIMEOUT_MS,
    );
  }
});
