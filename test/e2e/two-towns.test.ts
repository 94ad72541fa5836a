import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { VirtualAir } from "../../src/bench/virtual-air.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { ShownSos } from "../../src/messages/index.ts";
import { type LabBox, startBox } from "../lab/box.ts";
import { type Page, screenshot } from "../lab/browser.ts";
import { Lab, until } from "../lab/lab.ts";
import { networkAside } from "../lab/network-invite.ts";
import { Swarm } from "../lab/swarm.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { inspect, joins, type PhoneWithBrowser, PORTAL, tap, textsOf, visit } from "./person.ts";

const START_MS = 60_000;
const TIMEOUT_MS = 150_000;
/** A few bundles on LongFast, and the hellos before them. */
const ON_AIR_MS = 120_000;
const t = textsOf("en");

/** Both belong to one network, and nothing but LoRa is between them. */
const configOf = (name: string, loraPort: string, invite: string) => `
[box]
name = "${name}"
[lora]
region = "EU868"
ports = ["${loraPort}"]
[mesh]
invites = ["${invite}"]
`;

interface Town {
  box: LabBox;
  swarm: Swarm;
  phone: PhoneWithBrowser;
  page: Page;
}

describeNeeding([...LAB_NEEDS, "chromium"], "Two people in two towns that LoRa alone connects", () => {
  const lab = new Lab("towns");
  let air: VirtualAir;
  let mill: Town;
  let tower: Town;

  const town = async (name: string, loraPort: string, invite: string): Promise<Town> => {
    const box = await startBox(lab, name.toLowerCase(), { config: configOf(name, loraPort, invite) });
    const swarm = new Swarm(lab, box.host, box.bridge);
    const phone = await joins(swarm);
    return { box, swarm, phone, page: await phone.browser.page() };
  };

  const agree = async ({ page }: Town) => {
    await visit(page, `${PORTAL}/?lang=en`);
    await tap(page, t("consent.button"));
  };

  /** Loads a page again until it has these words. */
  const untilShown = (page: Page, path: string, words: string | RegExp) =>
    until(
      `"${words}" on ${path}`,
      async () => {
        await visit(page, `${PORTAL}${path}`);
        const text = (await page.locator("main").textContent()) ?? "";
        return typeof words === "string" ? text.includes(words) : words.test(text);
      },
      ON_AIR_MS,
    );

  const operator = async <T>({ box }: Town, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`http://box/api/messages/${path}`, {
      unix: `${box.runFolder}/control.sock`,
      ...(body === undefined
        ? {}
        : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return (await response.json()) as T;
  };

  beforeAll(async () => {
    await lab.open();
    air = new VirtualAir({
      firmware: "rnode",
      runFolder: lab.folder,
      timers: systemTimers,
      random: Math.random,
    });
    await air.start();
    const invite = networkAside(join(lab.folder, "founder"))("box");
    [mill, tower] = [await town("Mill", air.ports[0], invite), await town("Tower", air.ports[1], invite)];
  }, START_MS);

  afterAll(async () => {
    for (const one of [mill, tower]) {
      await one?.phone.browser.close();
      one?.swarm.close();
    }
    await lab.close();
    await air?.stop();
  }, START_MS);

  test(
    "one calls for help before agreeing to anything; the other town's operator answers, and the answer is seen",
    async () => {
      const { page } = mill;
      await visit(page, `${PORTAL}/?lang=en`);
      await tap(page, t("home.help"));
      await inspect(page, "towns-sos");
      await page.getByLabel(t("sos.text")).fill("The bridge is down, two of us are on the island");
      await page.getByLabel(t("form.place")).fill("Mill island");
      await tap(page, t("sos.send"));
      await inspect(page, "towns-sos-sent", ["meta-refresh"]);
      const mine = new URL(page.url());
      const board = await until(
        "the other town to have it",
        async () => {
          const all = await operator<ShownSos[]>(tower, "sos");
          return all.length > 0 ? all : undefined;
        },
        ON_AIR_MS,
      );
      const [call] = board;
      expect(call).toMatchObject({
        text: "The bridge is down, two of us are on the island",
        place: { words: "Mill island" },
      });
      await untilShown(page, mine.pathname + mine.search, t("mine.handedOver"));
      await screenshot(page, "towns-sos-handed-over");
      const answer = await operator(tower, "acknowledge", { id: call?.id, note: "A boat leaves now" });
      expect(answer).toEqual({ id: call?.id });
      await untilShown(page, mine.pathname + mine.search, "A boat leaves now");
      await screenshot(page, "towns-sos-answered");
    },
    TIMEOUT_MS,
  );

  test(
    "one checks in, and is found by name in the other town",
    async () => {
      const { page } = mill;
      await agree(mill);
      await visit(page, `${PORTAL}/check-in?lang=en`);
      await page.getByLabel(t("checkIn.name")).fill("Ada Lovelace");
      await inspect(page, "towns-check-in");
      await tap(page, t("checkIn.send"));
      await agree(tower);
      await untilShown(tower.page, "/people?lang=en&name=lovel", "Ada Lovelace");
      await inspect(tower.page, "towns-people");
    },
    TIMEOUT_MS,
  );

  test(
    "what one writes in the town square is read in the other town's, and answered",
    async () => {
      await visit(mill.page, `${PORTAL}/write?lang=en`);
      await mill.page.locator("textarea").fill("We have bread for forty people");
      await tap(mill.page, t("square.send"));
      await untilShown(tower.page, "/square?lang=en", "We have bread for forty people");
      await inspect(tower.page, "towns-square");
    },
    TIMEOUT_MS,
  );

  test(
    "each makes a key in the browser; a sealed message arrives in the other town, and its receipt comes back",
    async () => {
      const makeKey = async ({ page }: Town, name: string) => {
        await visit(page, `${PORTAL}/app?lang=en`);
        await page.getByLabel("Your name").fill(name);
        await page.getByRole("button", { name: "Make my key" }).click();
        await page.getByRole("button", { name: "I have written them down" }).click();
      };
      await makeKey(mill, "Ada Bell");
      await makeKey(tower, "Ben Okoye");
      const ben = mill.page.locator("div[role=status] .xp", { hasText: "Ben Okoye" });
      await mill.page.getByLabel("Name, or part of it").fill("Okoye");
      await until(
        "the card of the other to come",
        async () => {
          await mill.page.getByRole("button", { name: "Search" }).click();
          await mill.page.waitForTimeout(2_000);
          return await ben.isVisible();
        },
        ON_AIR_MS,
      );
      await ben.first().click();
      await mill.page.getByLabel("Your message").fill("Is the road to the tower open?");
      await mill.page.getByRole("button", { name: "Send" }).click();
      await tower.page.getByText("1 new").waitFor({ timeout: ON_AIR_MS });
      // The name comes with the card, which may come behind the message.
      await tower.page.locator(".xp").first().click();
      const question = ({ page }: Town) => page.locator(".xm", { hasText: "Is the road to the tower open?" });
      await question(tower).waitFor();
      await screenshot(tower.page, "towns-direct");
      await question(mill)
        .getByText(/has (arrived|been read)/)
        .waitFor({ timeout: ON_AIR_MS });
      await screenshot(mill.page, "towns-direct-receipt");
    },
    4 * TIMEOUT_MS,
  );
});
