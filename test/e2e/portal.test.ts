import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { LANGUAGES } from "../../portal/locales/index.ts";
import { SPOOFED_IPV4, SPOOFED_IPV6 } from "../../src/gateway/guest-network.ts";
import { type LabBox, startBox } from "../lab/box.ts";
import { type Page, type PageOptions, screenshot } from "../lab/browser.ts";
import { Lab } from "../lab/lab.ts";
import { Swarm } from "../lab/swarm.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import {
  bulletsAreAligned,
  focusContrast,
  heading,
  inspect,
  joins,
  type PhoneWithBrowser,
  PORTAL,
  SMALL,
  serveOn,
  sidewaysOverflow,
  tabTo,
  tap,
  textsOf,
  UPRIGHT,
  visit,
} from "./person.ts";

const TIMEOUT_MS = 60_000;
const LIBRARY = { name: "Library", description: "Books, maps and first aid, to read here", port: 8101 };
const CONFIG = `
[box]
name = "Elm Street"
operator = "the neighbours of Elm Street"
contact = "the corner shop, every day from 9 to 18"
[portal]
welcome = "Good that you are here."
notices = ["Drinking water: school yard, 8 to 12."]
[[gateway.services]]
name = "${LIBRARY.name}"
description = "${LIBRARY.description}"
port = ${LIBRARY.port}
path = "/library/"
[[gateway.services]]
name = "Noticeboard"
port = 8102
`;

interface Visit {
  language: string;
  direction: "ltr" | "rtl";
  /** What the person types, or what the phone opens. */
  world: string;
  options: PageOptions;
}

const VISITS: readonly Visit[] = [
  {
    language: "en",
    direction: "ltr",
    world: "http://captive.apple.com/",
    options: { locale: "en-GB", javaScript: true, colourScheme: "light", viewport: UPRIGHT },
  },
  {
    language: "ar",
    direction: "rtl",
    world: "http://example.com/some/page?of=it",
    options: { locale: "ar-EG", javaScript: false, colourScheme: "dark", viewport: SMALL },
  },
  {
    language: "bn",
    direction: "ltr",
    world: "http://connectivitycheck.gstatic.com/generate_204",
    options: { locale: "bn-BD", javaScript: false, colourScheme: "light", viewport: UPRIGHT },
  },
  {
    // The window that macOS opens by itself.
    language: "zh",
    direction: "ltr",
    world: "http://captive.apple.com/hotspot-detect.html",
    options: {
      locale: "zh-CN",
      javaScript: true,
      colourScheme: "dark",
      viewport: { width: 900, height: 572 },
    },
  },
];

describeNeeding([...LAB_NEEDS, "chromium"], "A person at the portal", () => {
  const lab = new Lab("e2e");
  let box: LabBox;
  let swarm: Swarm;
  let phone: PhoneWithBrowser;
  let library: { stop(): Promise<void> };
  let page: Page | undefined;

  const opensBrowser = async (options: PageOptions = {}): Promise<Page> => {
    page = await phone.browser.page(options);
    return page;
  };

  const cannotOpen = async (url: string): Promise<void> => {
    const other = await phone.browser.page();
    const failure = await visit(other, url).catch((error: Error) => error.message);
    expect(failure).toContain("ERR_CONNECTION_REFUSED");
    await other.context().close();
  };

  beforeAll(async () => {
    await lab.open();
    box = await startBox(lab, "box", { config: CONFIG });
    library = serveOn(box, LIBRARY.port, "Reading room");
    swarm = new Swarm(lab, box.host, box.bridge);
    phone = await joins(swarm);
  }, TIMEOUT_MS);

  // However a test ended, the next one meets a guest who has not agreed.
  afterEach(async () => {
    await page?.context().close();
    page = undefined;
    const leaving = await phone.browser.page();
    await visit(leaving, `${PORTAL}/leave?lang=en`);
    await tap(leaving, textsOf("en")("leave.button"));
    await leaving.context().close();
  }, TIMEOUT_MS);

  afterAll(async () => {
    await phone?.browser.close();
    swarm?.close();
    await library?.stop();
    await lab.close();
  }, TIMEOUT_MS);

  for (const { language, direction, world, options } of VISITS) {
    const { width, height } = options.viewport ?? UPRIGHT;
    const how = `${language}, ${width} × ${height}, ${options.colourScheme}, JavaScript ${options.javaScript ? "on" : "off"}`;
    test(
      `is caught, reads the risks, agrees, uses a service, leaves and is caught again (${how})`,
      async () => {
        const t = textsOf(language);
        const page = await opensBrowser(options);
        const picture = (name: string) => screenshot(page, `walk-${language}-${name}`);
        const libraryUrl = `${PORTAL}:${LIBRARY.port}/library/`;

        await cannotOpen(libraryUrl);
        await visit(page, world);
        expect(page.url()).toBe(`${PORTAL}/`);
        expect(await page.locator("html").getAttribute("lang")).toBe(language);
        expect(await page.locator("html").getAttribute("dir")).toBe(direction);
        expect(await heading(page)).toBe(t("welcome.title", { name: "Elm Street" }));
        expect(await page.title()).toContain("Elm Street");
        expect(await bulletsAreAligned(page)).toBe(true);
        await picture("1-welcome");

        await tap(page, t("risks.more"));
        expect(await heading(page)).toBe(t("long.title"));
        await picture("2-risks");
        await tap(page, t("nav.back"));
        expect(await heading(page)).toBe(t("welcome.title", { name: "Elm Street" }));

        await tap(page, t("consent.button"));
        expect(await heading(page)).toBe(t("on.title"));
        expect(new URL(page.url()).pathname).toBe("/on");
        await picture("3-on");

        const button = page.getByRole("link", { name: LIBRARY.name });
        const box = await button.boundingBox();
        expect(box?.height).toBeGreaterThanOrEqual(48);
        expect(box?.width).toBeGreaterThanOrEqual(Math.min(width, 400) * 0.8);
        await Promise.all([page.waitForEvent("load"), button.click()]);
        expect(page.url()).toBe(libraryUrl);
        expect(await heading(page)).toBe("Reading room");
        await page.goBack();

        await tap(page, t("leave.link"));
        expect(await heading(page)).toBe(t("leave.title"));
        await picture("4-leave");
        await tap(page, t("leave.button"));
        expect(await heading(page)).toBe(t("left.title"));
        await picture("5-left");
        await cannotOpen(libraryUrl);
        await visit(page, world);
        expect(await heading(page)).toBe(t("welcome.title", { name: "Elm Street" }));
      },
      TIMEOUT_MS,
    );
  }

  test(
    "changes the language by one tap, and keeps it from there to the end",
    async () => {
      const page = await opensBrowser({ locale: "en-US", javaScript: false });
      await visit(page, "http://example.com/");
      await tap(page, "فارسی");
      const t = textsOf("fa");
      expect(await heading(page)).toBe(t("welcome.title", { name: "Elm Street" }));
      expect(await page.locator("html").getAttribute("dir")).toBe("rtl");
      await tap(page, t("risks.more"));
      await tap(page, "Français");
      expect(await heading(page)).toBe(textsOf("fr")("long.title"));
      await tap(page, "فارسی");
      await tap(page, t("nav.back"));
      await tap(page, t("consent.button"));
      expect(await heading(page)).toBe(t("on.title"));
      await tap(page, t("leave.link"));
      await tap(page, t("leave.button"));
      expect(await heading(page)).toBe(t("left.title"));
      await tap(page, t("left.back"));
      expect(await heading(page)).toBe(t("welcome.title", { name: "Elm Street" }));
    },
    TIMEOUT_MS,
  );

  test(
    "agrees and leaves with the keyboard alone, and sees where the focus is",
    async () => {
      const t = textsOf("en");
      const page = await opensBrowser();
      await visit(page, "http://example.com/");

      await page.keyboard.press("Tab");
      const skip = page.getByRole("link", { name: t("nav.skip") });
      expect(await skip.evaluate((element) => element.matches(":focus"))).toBe(true);
      expect((await skip.boundingBox())?.y).toBeGreaterThanOrEqual(0);
      await screenshot(page, "keyboard-1-skip");
      await page.keyboard.press("Enter");

      // A call for help first, which needs no consent; then what else is here, the risks, and the button.
      expect(await tabTo(page, t("home.help"))).toBe(1);
      expect(await tabTo(page, t("consent.button"))).toBeLessThanOrEqual(7);
      for (const colorScheme of ["dark", "light"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await focusContrast(page)).toBeGreaterThanOrEqual(3);
      }
      await screenshot(page, "keyboard-2-consent");
      await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
      expect(await heading(page)).toBe(t("on.title"));

      await tabTo(page, t("leave.link"));
      await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
      await tabTo(page, t("leave.button"));
      await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
      expect(await heading(page)).toBe(t("left.title"));
    },
    TIMEOUT_MS,
  );

  test(
    "meets no serious fault of accessibility and no sideways scrolling on any page",
    async () => {
      const t = textsOf("en");
      const page = await opensBrowser();
      await visit(page, "http://example.com/");
      await inspect(page, "page-1-welcome");
      await tap(page, t("risks.more"));
      await inspect(page, "page-2-risks");
      await tap(page, t("nav.back"));
      await tap(page, t("consent.button"));
      await inspect(page, "page-3-on");
      await tap(page, t("leave.link"));
      await inspect(page, "page-4-leave");
      await tap(page, t("leave.button"));
      await inspect(page, "page-5-left");
    },
    TIMEOUT_MS,
  );

  test(
    "can read the first page on a small screen in every language",
    async () => {
      const page = await opensBrowser({ viewport: SMALL, javaScript: false });
      const overflows: Record<string, number> = {};
      for (const { code } of LANGUAGES) {
        await visit(page, `${PORTAL}/?lang=${code}`);
        overflows[code] = await sidewaysOverflow(page);
        await screenshot(page, `language-${code}`);
      }
      expect(overflows).toEqual(Object.fromEntries(LANGUAGES.map(({ code }) => [code, 0])));
    },
    TIMEOUT_MS,
  );

  test(
    "who had the first page open while the box restarted is asked to tap once more, and is let through then",
    async () => {
      const t = textsOf("en");
      const page = await opensBrowser();
      await visit(page, "http://example.com/");
      await box.restart("SIGKILL");
      await tap(page, t("consent.button"));
      expect(await page.getByText(t("problem.again")).isVisible()).toBe(true);
      await inspect(page, "page-6-again");
      await tap(page, t("consent.button"));
      expect(await heading(page)).toBe(t("on.title"));
    },
    TIMEOUT_MS,
  );

  for (const [from, to] of [
    [SPOOFED_IPV4, `[${SPOOFED_IPV6}]`],
    [`[${SPOOFED_IPV6}]`, SPOOFED_IPV4],
  ]) {
    test(
      `a page that came from ${from} may ask ${to}, which the same name has: Local Network Access bars nothing`,
      async () => {
        const page = await opensBrowser({ bypassCsp: true });
        await visit(page, `http://${from}/?lang=en`);
        const asked = `fetch("http://${to}/", { mode: "no-cors" }).then(({ type }) => type, String)`;
        expect(await page.evaluate<string>(asked)).toBe("opaque");
      },
      TIMEOUT_MS,
    );
  }

  test(
    "who comes while the box does not answer is told so, and gets on without a tap once it does",
    async () => {
      const t = textsOf("en");
      const other = await joins(swarm);
      try {
        const page = await other.browser.page();
        process.kill(box.process.pid, "SIGSTOP");
        try {
          await visit(page, "http://example.com/");
          expect(await heading(page)).toBe(t("problem.title"));
          expect(await page.getByText(t("problem.starting")).isVisible()).toBe(true);
          // To load itself again is what this page is for, and it holds nothing that a reload would take away.
          await inspect(page, "page-7-problem", ["meta-refresh"]);
        } finally {
          process.kill(box.process.pid, "SIGCONT");
        }
        await page
          .getByRole("heading", { name: t("welcome.title", { name: "Elm Street" }) })
          .waitFor({ timeout: 20_000 });
      } finally {
        await other.browser.close();
      }
    },
    TIMEOUT_MS,
  );
});
