import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { LANGUAGES } from "../../portal/locales/index.ts";
import { decodeInviteLink } from "../../src/identity/index.ts";
import { bundleId, decodeBundle, isSigned } from "../../src/messages/bundle/bundle-codec.ts";
import { notSent } from "../../src/messages/desk/guest-forms.ts";
import { audit, type Browser, openBrowser, type Page, screenshot } from "../lab/browser.ts";
import { describeNeeding } from "../needs.ts";
import { scratchFolders } from "../unit/scratch.ts";
import { PERSON_HEADER, startAppBox } from "./app-box.ts";

const TIMEOUT_MS = 60_000;
const scratch = scratchFolders();

/** Chrome 80, as far as a newer browser can be made to be it. */
const WITHOUT_NEWER_FUNCTIONS = `
  delete Object.hasOwn; delete String.prototype.replaceAll; delete Array.prototype.at;
  delete DataView.prototype.setBigUint64; delete Element.prototype.replaceChildren;`;

/** Remembers the streams that the page opens. */
const COUNTING_STREAMS = `
  window.streams = [];
  window.EventSource = class extends EventSource { constructor(url) { super(url); streams.push(this); } };`;

/** Fills the page's storage until so many signs are free. */
const leaveRoom = (chars: number) => `(() => {
  localStorage.removeItem("filling");
  let text = "";
  for (let more = 1 << 22; more >= 1; more >>= 1) {
    try { localStorage.setItem("filling", text + "x".repeat(more)); text += "x".repeat(more); } catch {}
  }
  localStorage.setItem("filling", text.slice(0, text.length - ${chars}));
})()`;

/** Somebody with a browser of their own. */
interface Person {
  page: Page;
  /** What the browser has complained of. */
  complaints: string[];
}

describeNeeding(["chromium"], "the page for messages to one person", () => {
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

  /** @param before runs before the page's own script */
  async function open(hash = "", before = ""): Promise<Person> {
    const page = await browser.page();
    await page.addInitScript(before);
    people += 1;
    await page.setExtraHTTPHeaders({ [PERSON_HEADER]: String(people) });
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !/status of 503/.test(message.text()))
        complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${box.url}?lang=en${hash}`);
    return { page, complaints };
  }

  /** Makes a key. @returns the recovery words */
  async function makeKey({ page }: Person, name: string): Promise<string> {
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Make my key" }).click();
    const words = await page.locator("ol li").allTextContents();
    await page.getByRole("button", { name: "I have written them down" }).click();
    return words.join(" ");
  }

  async function writeTo({ page }: Person, name: string, text: string): Promise<void> {
    await page.getByLabel("Name, or part of it").fill(name);
    // The card of somebody may come a moment later.
    const found = page.locator("div[role=status] .xp", { hasText: name });
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

  async function sendPhoto(page: Page): Promise<void> {
    // Noise is the hardest there is to make small.
    const picture = await page.evaluate(
      `(() => { const c = document.createElement("canvas"); c.width = 1600; c.height = 1200; const x = c.getContext("2d");
        const d = x.createImageData(1600, 1200); for (let i = 0; i < d.data.length; i++) d.data[i] = i % 4 === 3 ? 255 : (i * 7919 ^ (i >> 5) * 104729) & 255;
        x.putImageData(d, 0, 0); return c.toDataURL("image/png"); })()`,
    );
    const buffer = Buffer.from(String(picture).split(",")[1] ?? "", "base64");
    await page.locator("#photo").setInputFiles({ name: "bridge.png", mimeType: "image/png", buffer });
  }

  const removedNote = ({ page }: Person) => page.getByText("have taken you off the list of people");
  const said = (page: Page, text: string) => page.locator(".xm", { hasText: text });

  test(
    "makes a key and writes where the browser has none of the newer functions",
    async () => {
      const lena = await open("", WITHOUT_NEWER_FUNCTIONS);
      const mia = await open();
      await makeKey(mia, "Mia");
      await makeKey(lena, "Lena");
      await writeTo(lena, "Mia", "from an old phone");
      await said(lena.page, "has arrived").waitFor();
      expect(lena.complaints).toEqual([]);
      await lena.page.context().close();
      await mia.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "brings what one writes to the other, who answers; each sees how far it has come, and all is there after a reload",
    async () => {
      const [anna, ben] = [await open(), await open()];
      await screenshot(anna.page, "app-welcome");
      expect((await makeKey(anna, "Anna Bell")).split(" ").length).toBe(12);
      await makeKey(ben, "Ben Okoye");
      await writeTo(anna, "Ben Okoye", "Are you at the school?");
      await said(anna.page, "Are you at the school?").waitFor();
      await ben.page.getByText("1 new").waitFor();
      await screenshot(ben.page, "app-conversations");
      await said(anna.page, "has arrived").waitFor();
      await ben.page.locator(".xp", { hasText: "Anna Bell" }).click();
      await said(ben.page, "Are you at the school?").waitFor();
      await said(anna.page, "has been read").waitFor();
      await say(ben.page, "Yes, with Mum");
      await said(anna.page, "Yes, with Mum").waitFor();
      await said(anna.page, "Yes, with Mum").getByRole("button", { name: "Reply" }).click();
      await say(anna.page, "I am coming");
      await said(ben.page, "I am coming").locator(".xr", { hasText: "Yes, with Mum" }).waitFor();
      expect(await audit(anna.page)).toEqual([]);
      await screenshot(anna.page, "app-conversation");
      await anna.page.reload();
      await said(anna.page, "Yes, with Mum").first().waitFor();
      expect(await said(anna.page, "coming").innerText()).toMatch(/has (arrived|been read)/);
      expect([anna.complaints, ben.complaints]).toEqual([[], []]);
      await anna.page.context().close();
      await ben.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "signs what it says first to somebody, and leaves the rest to the seal once they have answered",
    async () => {
      const [gita, yuri] = [await open(), await open()];
      await makeKey(gita, "Gita");
      await makeKey(yuri, "Yuri");
      const before = box.submitted.length;
      await writeTo(gita, "Yuri", "one");
      await said(gita.page, "one").getByText("has arrived").waitFor();
      await say(gita.page, "two");
      await said(gita.page, "two").getByText("has arrived").waitFor();
      await writeTo(yuri, "Gita", "three");
      await said(gita.page, "three").waitFor();
      await say(gita.page, "four");
      await said(gita.page, "four")
        .getByText(/has (arrived|been read)/)
        .waitFor();
      await said(yuri.page, "four").waitFor();
      const directs = box.submitted.slice(before).filter(({ kind }) => kind === "direct");
      const [first] = directs;
      const byGita = directs.filter(({ sender }) =>
        Buffer.from(sender.key).equals(first?.sender.key ?? new Uint8Array()),
      );
      // One that tells what was read may go between them.
      expect(byGita.slice(0, 2).map(isSigned)).toEqual([true, true]);
      expect(byGita.slice(2).map(isSigned)).not.toContain(true);
      expect(byGita.length).toBeGreaterThan(2);
      await gita.page.context().close();
      await yuri.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "keeps what is written while the box is away, and sends it later",
    async () => {
      const [carla, dora] = [await open(), await open()];
      await makeKey(carla, "Carla");
      await makeKey(dora, "Dora");
      await writeTo(carla, "Dora", "one");
      await said(carla.page, "has arrived").waitFor();
      box.away(true);
      await say(carla.page, "two");
      await carla.page.getByText("The box does not answer at the moment").waitFor();
      await carla.page.getByLabel("Your message").fill("half a sent");
      await carla.page.reload();
      expect(await said(carla.page, "two").innerText()).toContain("still on this device");
      expect(await carla.page.getByLabel("Your message").inputValue()).toBe("half a sent");
      box.away(false);
      await carla.page.reload();
      await said(carla.page, "two").getByText("has arrived").waitFor();
      await carla.page.context().close();
      await dora.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "tries again by itself what the box did not take, while the stream from it stands",
    async () => {
      const [nora, otto] = [await open("", COUNTING_STREAMS), await open()];
      await makeKey(nora, "Nora");
      await makeKey(otto, "Otto");
      await writeTo(nora, "Otto", "first");
      await said(nora.page, "has arrived").waitFor();
      await nora.page.evaluate(`for (let n = 0; n < 5; n += 1) dispatchEvent(new Event("online"))`);
      await nora.page.evaluate(`new Promise((resolve) => {
        const look = () => (streams.some(({ readyState }) => readyState === 1) ? resolve() : setTimeout(look, 50));
        look();
      })`);
      box.away(true);
      await say(nora.page, "second");
      await nora.page.getByText("The box does not answer at the moment").waitFor();
      box.away(false);
      await said(otto.page, "second").or(otto.page.getByText("2 new")).first().waitFor();
      await said(nora.page, "second").getByText("has arrived").waitFor();
      expect(
        await nora.page.evaluate("streams.filter(({ readyState }) => readyState !== 2).length"),
      ).toBeLessThanOrEqual(1);
      await nora.page.context().close();
      await otto.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "says so when the box has as much of somebody as one may, and sends the rest by itself when there is room again, once",
    async () => {
      const [rosa, sven] = [await open(), await open()];
      await makeKey(rosa, "Rosa");
      await makeKey(sven, "Sven");
      await writeTo(rosa, "Sven", "before");
      await said(rosa.page, "has arrived").waitFor();
      const { submit } = box.guests;
      box.guests.submit = async () => notSent({ state: "refused", reason: "quota", detail: "" });
      await say(rosa.page, "over my share");
      await rosa.page.getByText("The box takes no more from you at the moment").waitFor();
      expect(await said(rosa.page, "over my share").innerText()).toContain("still on this device");
      const before = box.submitted.length;
      box.guests.submit = submit;
      // It is tried later and later.
      await said(rosa.page, "over my share")
        .getByText("has arrived")
        .waitFor({ timeout: TIMEOUT_MS / 2 });
      expect(await rosa.page.getByText("The box takes no more from you at the moment").isVisible()).toBe(
        false,
      );
      const ids = box.submitted
        .slice(before)
        .filter(({ kind }) => kind === "direct")
        .map(bundleId);
      expect(new Set(ids).size).toBe(ids.length);
      await sven.page.reload();
      expect(await said(sven.page, "over my share").or(sven.page.getByText("2 new")).count()).toBe(1);
      await rosa.page.context().close();
      await sven.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "goes on with what comes when there is no room, and throws strangers' photos away first",
    async () => {
      const [pia, quin] = [await open(), await open()];
      await makeKey(pia, "Pia");
      await makeKey(quin, "Quin");
      await pia.page.evaluate(leaveRoom(90_000));
      await writeTo(quin, "Pia", "look at these");
      await pia.page.getByText("1 new").waitFor();
      await sendPhoto(quin.page);
      await pia.page.getByText("2 new").waitFor();
      await sendPhoto(quin.page);
      await pia.page.getByText("3 new").waitFor();
      await pia.page.evaluate(leaveRoom(1_500));
      await say(quin.page, `long ${"and longer ".repeat(180)}`);
      await pia.page.getByText("This device has no room left").waitFor();
      await say(quin.page, "a short one");
      await pia.page.getByText("4 new").waitFor();
      await pia.page.evaluate(`localStorage.removeItem("filling")`);
      await pia.page.reload();
      await pia.page.getByText("5 new").waitFor();
      await pia.page.locator(".xp", { hasText: "Quin" }).click();
      await said(pia.page, "and longer and longer").waitFor();
      expect(await said(pia.page, "This photo is no longer kept").count()).toBe(2);
      // Each has its receipt: that of the long one came with the reload.
      await said(quin.page, "and longer and longer")
        .getByText(/has (arrived|been read)/)
        .waitFor();
      await pia.page.context().close();
      await quin.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "begins anew after everything was deleted: what is for the new key arrives",
    async () => {
      const [rosa, sam] = [await open(), await open()];
      await makeKey(rosa, "Rosa Old");
      await makeKey(sam, "Sam");
      await rosa.page.getByRole("button", { name: "My key" }).click();
      const forget = rosa.page.getByRole("button", { name: "Delete everything" });
      await forget.click();
      await forget.click();
      await makeKey(rosa, "Rosa New");
      await writeTo(sam, "Rosa New", "are you new?");
      await rosa.page.getByText("1 new").waitFor();
      expect(rosa.complaints).toEqual([]);
      await rosa.page.context().close();
      await sam.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "brings a key back by its words on another device, and what was on its way is sent again",
    async () => {
      const [eva, finn] = [await open(), await open()];
      await makeKey(eva, "Eva");
      const words = await makeKey(finn, "Finn");
      await writeTo(eva, "Finn", "before the loss");
      await said(eva.page, "has arrived").waitFor();
      await finn.page.context().close();
      await say(eva.page, "after the loss");
      await said(eva.page, "on the box").waitFor();
      const again = await open("#restore");
      const mistaken = words.split(" ");
      mistaken[3] = `${mistaken[3]}x`;
      await again.page.getByLabel("Type in your 12 recovery words").fill(mistaken.join(" "));
      await again.page.getByRole("button", { name: "Get my key back" }).click();
      await again.page.getByText("Is it one of these?").waitFor();
      await again.page.getByLabel("Type in your 12 recovery words").fill(words);
      await again.page.getByRole("button", { name: "Get my key back" }).click();
      await again.page.locator(".xp", { hasText: "Eva" }).click();
      await said(again.page, "after the loss").waitFor();
      await again.page.getByRole("button", { name: "Back" }).click();
      await again.page.getByRole("button", { name: "My key" }).click();
      expect(await again.page.getByLabel("Your name").inputValue()).toBe("Finn");
      await screenshot(again.page, "app-key");
      expect(await audit(again.page)).toEqual([]);
      await again.page.context().close();
      await eva.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "sends photos scaled down, and leaves everything in a file that opens on another device",
    async () => {
      const [gita, hugo] = [await open(), await open()];
      await makeKey(gita, "Gita");
      await makeKey(hugo, "Hugo");
      await writeTo(gita, "Hugo", "look");
      await said(gita.page, "has arrived").waitFor();
      await sendPhoto(gita.page);
      await gita.page.locator(".xm img").waitFor();
      await hugo.page.locator(".xp", { hasText: "Gita" }).click();
      await hugo.page.locator(".xm img").waitFor();
      const source = (await hugo.page.locator(".xm img").getAttribute("src")) ?? "";
      expect(source).toStartWith("data:image/jpeg;base64,");
      expect(Buffer.from(source.split(",")[1] ?? "", "base64").length).toBeLessThanOrEqual(49_152);

      await gita.page.getByRole("button", { name: "Back" }).click();
      await gita.page.getByRole("button", { name: "My key" }).click();
      await gita.page.getByLabel("A passphrase").fill("five words are much better");
      const download = gita.page.waitForEvent("download");
      await gita.page.getByRole("button", { name: "Save everything to a file" }).click();
      const buffer = readFileSync(await (await download).path());
      await gita.page.context().close();
      const other = await open("#file");
      await other.page.getByLabel("The saved file").setInputFiles({ name: "key.age", mimeType: "", buffer });
      await other.page.getByLabel("Its passphrase").fill("another passphrase");
      await other.page.getByRole("button", { name: "Open the file" }).click();
      await other.page.getByText("The passphrase is wrong").waitFor();
      await other.page.getByLabel("Its passphrase").fill("five words are much better");
      await other.page.getByRole("button", { name: "Open the file" }).click();
      await other.page.locator(".xp", { hasText: "Hugo" }).click();
      await said(other.page, "look").waitFor();
      await say(other.page, "from my new phone");
      await said(hugo.page, "from my new phone").waitFor();
      await say(hugo.page, "well done");
      await said(other.page, "well done").waitFor();
      await other.page.context().close();
      await hugo.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "shows nothing of who is blocked, and tells the box's people of who is reported",
    async () => {
      const [ines, jon] = [await open(), await open()];
      await makeKey(ines, "Ines");
      await makeKey(jon, "Jon");
      await writeTo(jon, "Ines", "unkind words");
      await ines.page.locator(".xp", { hasText: "Jon" }).click();
      await ines.page.getByText("Who is this?").click();
      await ines.page.getByLabel("What is wrong with it?").fill("He threatens me");
      await ines.page.getByRole("button", { name: "Report" }).click();
      await ines.page.getByText("Thank you").waitFor();
      await ines.page.getByRole("button", { name: "Block this person" }).click();
      await say(jon.page, "more of them");
      await said(jon.page, "on the box").waitFor();
      await ines.page.locator(".xp", { hasText: "Jon" }).click();
      await ines.page.getByText("You have blocked this person").waitFor();
      expect(await said(ines.page, "more of them").count()).toBe(0);
      await ines.page.context().close();
      await jon.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "lets a person join the network on the spot, and gives them an invite to take along",
    async () => {
      const kim = await open();
      await makeKey(kim, "Kim");
      await kim.page.getByRole("button", { name: "My key" }).click();
      await kim.page.getByRole("button", { name: "Join Harbour" }).click();
      await kim.page.getByText("Harbour vouches for your key.").waitFor();
      await kim.page.getByRole("button", { name: "Make an invite" }).click();
      const link = await kim.page.locator("bdi", { hasText: "omerta:" }).innerText();
      const invite = decodeInviteLink(link);
      expect([invite.role, invite.networkName]).toEqual(["person", "Harbour"]);
      await kim.page.getByRole("img", { name: link }).waitFor();
      await screenshot(kim.page, "app-network");
      await kim.page.reload();
      await kim.page.getByText("Harbour vouches for your key.").waitFor();
      expect(kim.complaints).toEqual([]);
      const leo = await open();
      await makeKey(leo, "Leo");
      await leo.page.getByLabel("Name, or part of it").fill("Kim");
      const marked = leo.page.locator(".xp", { hasText: "Harbour vouches for them" });
      for (let tries = 0; tries < 50 && !(await marked.isVisible()); tries += 1) {
        await leo.page.getByRole("button", { name: "Search" }).click();
        await leo.page.waitForTimeout(100);
      }
      await marked.click();
      await leo.page.getByText("Harbour vouches for them").waitFor();
      await screenshot(leo.page, "app-vouched");
      const [card] = box.guests.cards("Kim");
      if (card === undefined) throw new Error("there is no card of Kim's");
      await box.operator.remove(bundleId(decodeBundle(card.encoded)), "a made-up name");
      await kim.page.reload();
      await kim.page.getByRole("button", { name: "Back" }).click();
      for (let tries = 0; tries < 50 && !(await removedNote(kim).isVisible()); tries += 1) {
        await kim.page.getByRole("button", { name: "My key" }).click();
        await kim.page.waitForTimeout(100);
        if (!(await removedNote(kim).isVisible()))
          await kim.page.getByRole("button", { name: "Back" }).click();
      }
      expect(await removedNote(kim).innerText()).toContain("Reason: a made-up name");
      await kim.page.context().close();
      await leo.page.context().close();
    },
    TIMEOUT_MS,
  );

  test(
    "has no sideways scrolling and no rule of accessibility broken, in any language",
    async () => {
      const page = await browser.page({ viewport: { width: 320, height: 640 } });
      for (const { code, direction } of LANGUAGES) {
        await page.goto(`${box.url}?lang=${code}`);
        await page.locator("#name").waitFor();
        expect([code, await page.evaluate("document.documentElement.dir")]).toEqual([code, direction]);
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        expect([code, overflow]).toEqual([code, 0]);
        expect([code, await audit(page)]).toEqual([code, []]);
      }
      await page.context().close();
    },
    TIMEOUT_MS,
  );

  test("is a plain page that leads on where there is no JavaScript", async () => {
    const page = await browser.page({ javaScript: false });
    await page.goto(`${box.url}?lang=en`);
    await page.getByText("This page needs JavaScript").waitFor();
    await page.context().close();
  });
});
