import { expect } from "bun:test";
import { contrast } from "../../portal/guest/accent.ts";
import { type Words, wordsOf } from "../../portal/guest/words.ts";
import { languageOf } from "../../portal/locales/index.ts";
import type { LabBox } from "../lab/box.ts";
import { audit, type Browser, openBrowser, type Page, screenshot } from "../lab/browser.ts";
import { speakIpv6 } from "../lab/guest.ts";
import { type Swarm, withNetworkOf } from "../lab/swarm.ts";

/** Where the portal lives for a guest's browser. */
export const PORTAL = "http://omerta.internal";
/** The screen that every page must fit: the smallest in use (iPhone SE of 2016, and WCAG 2.2's 1.4.10). */
export const SMALL = { width: 320, height: 568 };
export const UPRIGHT = { width: 390, height: 844 };

type Rgb = Parameters<typeof contrast>[0];

export interface PhoneWithBrowser {
  readonly browser: Browser;
  readonly address: string;
}

/** A phone that joins the box's network by DHCP, with IPv4 and IPv6, and has a browser. */
export async function joins(swarm: Swarm): Promise<PhoneWithBrowser> {
  const [phone] = await swarm.addPhones(1);
  if (!phone) throw new Error("no phone");
  const { address } = await phone.dhcp();
  // Before the browser is there: Chromium gives up what it is loading when an address comes.
  await speakIpv6(phone);
  return { browser: await openBrowser({ host: phone }), address };
}

/** A community service on the box: a page of one heading at every path. */
export function serveOn(box: LabBox, port: number, heading: string): { stop(): Promise<void> } {
  return withNetworkOf(box.host, () =>
    Bun.serve({
      hostname: "::",
      port,
      fetch: () =>
        new Response(`<!doctype html><title>${heading}</title><h1>${heading}</h1>`, {
          headers: { "content-type": "text/html; charset=utf-8" },
        }),
    }),
  );
}

/** The portal's texts in a language. */
export function textsOf(code: string): Words {
  const language = languageOf(code);
  if (!language) throw new Error(`the portal does not speak ${code}`);
  return wordsOf(language);
}

/** What Chromium says when an address has come or gone while it was looking a name up or loading a page. */
const NETWORK_CHANGED = /ERR_NETWORK_CHANGED|ERR_NAME_NOT_RESOLVED/;

/** Opens an address, up to three times when the network changed under it. */
export async function visit(page: Page, url: string): Promise<void> {
  for (let tries = 3; ; tries -= 1) {
    try {
      await page.goto(url);
      return;
    } catch (error) {
      if (tries === 1 || !NETWORK_CHANGED.test(String(error))) throw error;
    }
  }
}

/** Taps what carries these words, link or button, and waits for the page that it leads to. */
export async function tap(page: Page, words: string): Promise<void> {
  const target = page
    .getByRole("link", { name: words, exact: true })
    .or(page.getByRole("button", { name: words, exact: true }))
    .first();
  await Promise.all([page.waitForEvent("load"), target.click()]);
}

export async function heading(page: Page): Promise<string> {
  return (await page.getByRole("heading", { level: 1 }).textContent()) ?? "";
}

/** Presses Tab until the focus is on what carries these words. @returns how often it took */
export async function tabTo(page: Page, words: string, most = 60): Promise<number> {
  for (let presses = 1; presses <= most; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<string>("document.activeElement?.textContent.trim() ?? ''");
    if (focused === words) return presses;
  }
  throw new Error(`"${words}" is not within ${most} presses of Tab`);
}

/** The contrast (WCAG 2.2, 1.4.11) between the page and the ring around what has the focus; 0 where there is none. */
export async function focusContrast(page: Page): Promise<number> {
  const [style, ring, ground] = await page.evaluate<string[]>(`[
    getComputedStyle(document.activeElement).outlineStyle,
    getComputedStyle(document.activeElement).outlineColor,
    getComputedStyle(document.body).backgroundColor,
  ]`);
  const rgb = (text = ""): Rgb => (text.match(/\d+/g) ?? []).map(Number) as unknown as Rgb;
  return style === "none" ? 0 : contrast(rgb(ring), rgb(ground));
}

/** Whether every list of the page has its bullets on the side where the page's language begins. */
export function bulletsAreAligned(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(`[...document.querySelectorAll("main li")].every((item) => {
    const { direction, listStyleType } = getComputedStyle(item);
    return listStyleType === "none" || direction === document.dir;
  })`);
}

/** Whether a piece of the page's text, such as a telephone number, is drawn from left to right on one line. */
export function isDrawnLeftToRight(page: Page, text: string): Promise<boolean> {
  return page.evaluate<boolean>(`((text) => {
    const nodes = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (nodes.nextNode()) {
      const start = nodes.currentNode.data.indexOf(text);
      if (start < 0) continue;
      const at = (offset) => {
        const range = document.createRange();
        range.setStart(nodes.currentNode, offset);
        range.setEnd(nodes.currentNode, offset + 1);
        return range.getBoundingClientRect();
      };
      const [first, last] = [at(start), at(start + text.length - 1)];
      return first.top === last.top && first.left < last.left;
    }
    throw new Error("not on the page: " + text);
  })(${JSON.stringify(text)})`);
}

/** How many CSS pixels of the page lie beyond the sides of the screen. */
export function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}

/**
 * Looks at a page as it stands: axe-core in light and dark, no sideways scrolling on the smallest screen, and a
 * picture of each, `name`-light.png, `name`-dark.png and `name`-small.png.
 * @param except axe-core's names of rules that this page breaks on purpose
 */
export async function inspect(page: Page, name: string, except: readonly string[] = []): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const faults = (await audit(page)).filter(({ rule }) => !except.includes(rule));
    expect({ [`${name}, ${colorScheme}`]: faults }).toEqual({ [`${name}, ${colorScheme}`]: [] });
    await screenshot(page, `${name}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  const before = page.viewportSize();
  await page.setViewportSize(SMALL);
  await screenshot(page, `${name}-small`);
  expect({ [`${name}, sideways`]: await sidewaysOverflow(page) }).toEqual({ [`${name}, sideways`]: 0 });
  if (before) await page.setViewportSize(before);
}
