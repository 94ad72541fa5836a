import { afterAll, beforeAll, expect, test } from "bun:test";
import { run } from "../../src/host/run.ts";
import { type LabBox, startBox } from "../lab/box.ts";
import { type Page, screenshot } from "../lab/browser.ts";
import { Lab, until } from "../lab/lab.ts";
import { type PrivateLibvirtd, startPrivateLibvirtd } from "../lab/private-libvirtd.ts";
import { Swarm } from "../lab/swarm.ts";
import { vmImageFolder } from "../lab/vm-image-folder.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { inspect, joins, type PhoneWithBrowser, PORTAL, tap, textsOf, visit } from "./person.ts";

const NEEDS = [
  ...LAB_NEEDS,
  ...(["chromium", "x86-64", "program:libvirtd", "program:virsh", "program:qemu-system-x86_64"] as const),
  ...(["program:wireguard-go", "program:mmdebstrap"] as const),
];
const TIMEOUT_MS = 120_000;
/** A kernel's start in emulation, on a machine that may do much else. */
const PATIENCE_MS = 90_000;

describeNeeding(NEEDS, "A visitor with a machine in the browser", () => {
  const lab = new Lab("e2edemo");
  const t = textsOf("en");
  let libvirt: PrivateLibvirtd;
  let box: LabBox;
  let swarm: Swarm;
  let phone: PhoneWithBrowser;

  beforeAll(async () => {
    await lab.open();
    const host = await lab.host("box");
    libvirt = await startPrivateLibvirtd(host);
    const images = await vmImageFolder(libvirt.folder);
    const config = `
[vm]
libvirt = "${libvirt.uri}"
images = "${images}"
[vm.pool]
machines = 0
[vm.demo]
enabled = true
minutes = 5
visitors = 1
`;
    box = await startBox(lab, "box", { host, config, before: libvirt.knowsOwner });
    swarm = new Swarm(lab, box.host, box.bridge);
    phone = await joins(swarm);
  }, 900_000);
  afterAll(async () => {
    await phone?.browser.close();
    swarm?.close();
    await box?.stop();
    await libvirt?.stop();
    await lab.close();
  }, TIMEOUT_MS);

  const domains = async () => (await run(["virsh", "-c", libvirt.uri, "list", "--name"])).trim();
  /** What is on the screen of the machine, without the spaces at the ends of its lines. */
  const screenOf = (page: Page) =>
    page.evaluate<string>(
      "[...document.querySelectorAll('.xterm-rows > div')].map((row) => row.textContent.trimEnd()).join('\\n')",
    );
  const shows = (page: Page, what: RegExp) =>
    until(`the screen to show ${what}`, async () => what.test(await screenOf(page)), PATIENCE_MS).catch(
      async (error) => {
        throw new Error(
          `${error}; it shows: ${await screenOf(page)}; ${await screenshot(page, "demo-failed")}`,
        );
      },
    );
  const types = async (page: Page, text: string) => {
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
  };

  test(
    "finds it from the portal, types into it, and it is gone with the page",
    async () => {
      const page = await phone.browser.page();
      await visit(page, `${PORTAL}/?lang=en`);
      await tap(page, t("consent.button"));
      await tap(page, t("demo.link"));
      await inspect(page, "demo-offer");
      await page.getByRole("button", { name: t("demo.start") }).click();
      await shows(page, /~ #$/m);
      await types(page, "echo $((6 * 7))");
      await shows(page, /^42$/m);
      // Nothing but itself is to be seen from it.
      await types(page, "ls /sys/class/net; stty size");
      await shows(page, /^lo\n\d+ \d+$/m);
      const [, rows = "", columns = ""] = /^(\d+) (\d+)$/m.exec(await screenOf(page)) ?? [];
      expect(Number(rows)).toBeGreaterThanOrEqual(8);
      expect(Number(columns)).toBeGreaterThanOrEqual(20);
      expect(Number(columns)).toBeLessThan(60);
      await inspect(page, "demo-screen");
      expect(await domains()).toMatch(/^omvm-[0-9a-f]{10}$/);
      await visit(page, `${PORTAL}/on?lang=en`);
      await until("the machine to be gone", async () => (await domains()) === "", 20_000);
      await page.context().close();
    },
    3 * TIMEOUT_MS,
  );

  test(
    "is the only one for whom there is room, and deletes it when done",
    async () => {
      const page = await phone.browser.page();
      await visit(page, `${PORTAL}/demo?lang=en`);
      await page.getByRole("button", { name: t("demo.start") }).click();
      await shows(page, /~ #$/m);
      const other = await joins(swarm);
      const second = await other.browser.page();
      await visit(second, `${PORTAL}/?lang=en`);
      await tap(second, t("consent.button"));
      await visit(second, `${PORTAL}/demo?lang=en`);
      await second.getByRole("button", { name: t("demo.start") }).click();
      await second.getByText(t("demo.full")).waitFor();
      await screenshot(second, "demo-full");
      await other.browser.close();
      await page.getByRole("button", { name: t("demo.end") }).click();
      await page.getByText(t("demo.ended.left")).waitFor();
      await until("the machine to be gone", async () => (await domains()) === "", 20_000);
      await page.context().close();
    },
    3 * TIMEOUT_MS,
  );

  test(
    "keeps nothing of it when the box is killed",
    async () => {
      const page = await phone.browser.page();
      await visit(page, `${PORTAL}/demo?lang=en`);
      await page.getByRole("button", { name: t("demo.start") }).click();
      await shows(page, /~ #$/m);
      await box.stop("SIGKILL");
      await until("the machine to be gone", async () => (await domains()) === "", 10_000);
      await box.restart("SIGKILL");
      expect((await box.status()).parts.find(({ name }) => name === "vm")?.detail).toContain(
        "0 virtual machines lent",
      );
      await page.context().close();
    },
    3 * TIMEOUT_MS,
  );
});
