import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import type { LabHost } from "./lab.ts";

export type { Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
/** What Chromium still asks for when Playwright has switched off sync, updates and background requests. */
const QUIET = ["update.googleapis.com", "accounts.google.com", "content-autofill.googleapis.com"]
  .map((name) => `MAP ${name} ~NOTFOUND`)
  .join(",");
const SCREENSHOTS = join(import.meta.dir, "../output/screenshots");

export interface PageOptions {
  /** BCP 47 tag, for Accept-Language and navigator.language. Default en-US. */
  locale?: string;
  /** Default true. */
  javaScript?: boolean;
  /** Lets scripts of a test ask other addresses than the page may. Default false. */
  bypassCsp?: boolean;
  /** Default light. */
  colourScheme?: "light" | "dark";
  /** In CSS pixels. Default 390 × 844, a phone held upright. */
  viewport?: { width: number; height: number };
}

export interface Browser {
  /** A page with cookies and storage of its own. What waits on it, for an element or an answer, fails after 10 s. */
  page(options?: PageOptions): Promise<Page>;
  close(): Promise<void>;
}

/**
 * Starts Debian's Chromium without a window and with a new profile. With `host` it runs inside that namespace
 * and asks the name servers of the namespace's resolv.conf; without, wherever the caller runs.
 * @throws when Chromium is not installed or not up within 20 s.
 */
export async function openBrowser(options: { host?: LabHost } = {}): Promise<Browser> {
  const folder = mkdtempSync(join(options.host?.lab.folder ?? tmpdir(), "browser-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  const browser = await chromium
    .launch({
      executablePath: options.host ? namespaceWrapper(folder, options.host) : CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", `--host-resolver-rules=${QUIET}`],
      env: { ...process.env, HOME: folder, TMPDIR: folder },
      timeout: 20_000,
    })
    .catch((error: unknown) => {
      removeFolder();
      throw error;
    });
  return {
    page: async ({ locale, javaScript, bypassCsp, colourScheme, viewport }: PageOptions = {}) => {
      const context = await browser.newContext({
        locale: locale ?? "en-US",
        javaScriptEnabled: javaScript ?? true,
        bypassCSP: bypassCsp ?? false,
        colorScheme: colourScheme ?? "light",
        viewport: viewport ?? { width: 390, height: 844 },
      });
      context.setDefaultTimeout(10_000);
      return context.newPage();
    },
    close: async () => {
      await browser.close();
      removeFolder();
    },
  };
}

/** A program to start in Chromium's stead: Playwright's pipes (file descriptors 3 and 4) pass through both exec. */
function namespaceWrapper(folder: string, host: LabHost): string {
  const path = join(folder, "chromium-in-namespace");
  writeFileSync(path, `#!/bin/sh\nexec ${host.command([CHROMIUM]).join(" ")} "$@"\n`, { mode: 0o755 });
  return path;
}

/** A rule of the Web Content Accessibility Guidelines, or a best practice, that a page breaks. */
export interface Violation {
  /** axe-core's name of the rule, such as `color-contrast`. */
  rule: string;
  impact: "serious" | "critical";
  /** What to do about it, in one line. */
  help: string;
  /** The start tags of the offenders. */
  elements: string[];
}

/**
 * Runs axe-core on the page as it stands, without its frames, and returns what is serious or critical. Works
 * with the page's JavaScript off too.
 */
export async function audit(page: Page): Promise<Violation[]> {
  return await page.evaluate<Violation[]>(auditScript());
}

/**
 * With JavaScript off, Chromium still runs what the debugger evaluates, promises included, but no timer and no
 * queueMicrotask. axe-core uses timers of 0 or 1 ms to yield and longer ones to give up, so the first become
 * promises here and the others nothing.
 */
function auditScript(): string {
  return `(async () => {
    const setTimeout = (task, ms = 0) => { if (ms <= 1) Promise.resolve().then(task); return 0; };
    const clearTimeout = () => {};
    ${axeForEveryScript()};
    const { violations } = await window.axe.run(document, {
      resultTypes: ["violations"],
      iframes: false,
      preload: false,
    });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, impact, help, nodes }) => ({ rule: id, impact, help, elements: nodes.map(({ html }) => html) }));
  })()`;
}

/**
 * axe-core leaves out of its contrast check what it takes for an icon font: text whose first letter looks
 * different alone. Joined letters do, so it passes over much of a page in Arabic script; and once the first
 * three texts of a font family were such, over all text in that family. No page of ours has an icon font.
 */
function axeForEveryScript(): string {
  const source = readFileSync(join(import.meta.dir, "../../node_modules/axe-core/axe.js"), "utf8");
  const iconTest = "function _isIconLigature(textVNode) {";
  if (!source.includes(iconTest)) throw new Error(`axe-core no longer has ${iconTest}`);
  return source.replace(iconTest, `${iconTest} return false;`);
}

/** Writes the whole page, beyond the viewport too, to test/output/screenshots/`name`.png and returns the path. */
export async function screenshot(page: Page, name: string): Promise<string> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  const path = join(SCREENSHOTS, `${name}.png`);
  await page.screenshot({ path, fullPage: true });
  return path;
}
