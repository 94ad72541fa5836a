import { describe, expect, test } from "bun:test";
import { PHONE_TIME_SCRIPT } from "../../../portal/guest/phone-time.tsx";
import { LANGUAGES } from "../../../portal/locales/index.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { deskApi } from "../../../src/portal/desk-api.ts";
import { DeskClient } from "../../../src/portal/desk-client.ts";
import { guestApp } from "../../../src/portal/guest-app.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";
import { gatewayWithDesk, STATION } from "./desk-gateway.ts";
import { FACTS, TALKATIVE } from "./facts.ts";
import { FakeDesk, followingDirectory } from "./fake-desk.ts";

const ADDRESS = "10.20.0.16";
const NOW = Date.UTC(2026, 10, 29);
const folderOf = scratchFolders();
/** See first-page-size.test.ts. */
const FIRST_FLIGHT = 14_336;

async function portal(asksTime: boolean) {
  const desk = new FakeDesk();
  const app = guestApp(await followingDirectory(desk, { ...FACTS, asksTime }), desk);
  const peer = { address: ADDRESS, secure: false };
  const ask = async (path: string, init?: RequestInit) =>
    app.fetch(
      new Request(`http://omerta.internal${path}`, { ...init, headers: { Host: "omerta.internal" } }),
      peer,
    );
  const agree = async (now: string | undefined) => {
    const token = /name="token" value="([^"]+)"/.exec(await (await ask("/")).text())?.[1] ?? "";
    const body = new URLSearchParams({ token, lang: "en", ...(now === undefined ? {} : { now }) });
    return ask("/agree", { method: "POST", body });
  };
  return { desk, ask, agree, agreed: () => desk.calls.filter((call) => call.startsWith("agree")) };
}

describe("the first page", () => {
  test("asks for the phone's time by one line, which its hash allows, only while the box does not know the time", async () => {
    const page = await (await portal(true)).ask("/");
    const html = await page.text();
    expect(html.match(/<script/g)).toHaveLength(1);
    const script = /<script>(.*?)<\/script>/s.exec(html)?.[1] ?? "";
    expect(script).toBe(PHONE_TIME_SCRIPT);
    const digest = new Bun.CryptoHasher("sha256").update(script).digest("base64");
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy.split(";").filter((one) => one.startsWith("script-src"))).toEqual([
      `script-src 'sha256-${digest}'`,
    ]);
    const other = await (await portal(false)).ask("/");
    expect(await other.text()).not.toMatch(/<script|name="now"/);
    expect(other.headers.get("content-security-policy")).not.toContain("script-src");
  });

  test("fills the field as the form is sent, in words of old browsers", async () => {
    const html = await (await (await portal(true)).ask("/")).text();
    expect(html).toContain('<form method="post" action="/agree" name="f">');
    expect(html).toContain('<input type="hidden" name="now"/>');
    const form: { now: { value: unknown }; onsubmit?: () => void } = { now: { value: "" } };
    new Function("document", PHONE_TIME_SCRIPT)({ forms: { f: form } });
    expect(form.now.value).toBe("");
    const before = Date.now();
    form.onsubmit?.();
    expect(form.now.value).toBeGreaterThanOrEqual(before);
    expect(form.now.value).toBeLessThanOrEqual(Date.now());
    expect(PHONE_TIME_SCRIPT).not.toMatch(/=>|\b(let|const)\b|`/);
  });

  test("still fits into one round trip in every language, whatever the operator has to say", async () => {
    for (const { code } of LANGUAGES) {
      const desk = new FakeDesk();
      const app = guestApp(await followingDirectory(desk, { ...TALKATIVE, asksTime: true }), desk);
      const request = new Request(`http://omerta.internal/?lang=${code}`, {
        headers: { Host: "omerta.internal" },
      });
      const page = await app.fetch(request, { address: ADDRESS, secure: false });
      const headers = [...page.headers].reduce(
        (sum, [name, value]) => sum + name.length + value.length + 4,
        0,
      );
      // The status line, and what the server adds (Date, Content-Length).
      const bytes = (await page.bytes()).length + headers + 120;
      expect([code, bytes <= FIRST_FLIGHT]).toEqual([code, true]);
    }
  });
});

describe("a phone's time", () => {
  test("goes to the daemon with the agreement", async () => {
    const { agree, agreed } = await portal(true);
    expect((await agree(String(NOW))).status).toBe(303);
    expect(agreed()).toEqual([`agree ${ADDRESS} en ${NOW}`]);
  });

  test("that is none keeps nobody from agreeing", async () => {
    for (const now of [undefined, "", "0", "-1", "1e13", "NaN", "9".repeat(13), `${NOW}0`, "now"]) {
      const { agree, agreed } = await portal(true);
      expect((await agree(now)).status).toBe(303);
      expect(agreed()).toEqual([`agree ${ADDRESS} en`]);
    }
  });

  test("is the station's that the kernel knows, whatever the page says", async () => {
    const folder = folderOf();
    const { gateway } = await gatewayWithDesk(folder);
    const said: [string, number][] = [];
    const desk = deskApi(
      gateway,
      () => FACTS,
      capturedLog().log,
      undefined,
      undefined,
      undefined,
      (...one) => said.push(one),
    );
    const socket = `${folder}/time.sock`;
    const server = serveSocket(socket, desk.fetch);
    const client = new DeskClient(socket);
    await client.agree(STATION.ipv4, "en", NOW);
    await client.agree(STATION.ipv4, "en");
    expect(said).toEqual([[STATION.mac, NOW]]);
    await server.stop(true);
    await gateway.stop();
  });
});
