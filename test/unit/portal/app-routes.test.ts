import { afterEach, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { LANGUAGES } from "../../../portal/locales/index.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { makeInboxProof } from "../../../src/identity/person/inbox-proof.ts";
import { personKey } from "../../../src/identity/person/person-key.ts";
import { encodeBody } from "../../../src/messages/bundle/body-codec.ts";
import {
  bundleId,
  decodeBundle,
  encodeBundle,
  makeBundle,
} from "../../../src/messages/bundle/bundle-codec.ts";
import { appRoutes, deskAsker } from "../../../src/portal/app-routes.ts";
import { deskAppApi, type InboxAnswer } from "../../../src/portal/desk-app-api.ts";
import { capturedLog } from "../captured-log.ts";
import { solved } from "../messages/desk/solved.ts";
import { messagesBox } from "../messages/messages-box.ts";
import { scratchFolders } from "../scratch.ts";
import { FACTS } from "./facts.ts";

const scratch = scratchFolders();
const anna = personKey(new Uint8Array(32).fill(1));
const ben = personKey(new Uint8Array(32).fill(2));
const SCRIPT = { text: new Uint8Array([59]), gzipped: Bun.gzipSync(new Uint8Array([59])), version: "abc" };
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A box, and its page's routes before it. */
async function stand({ agreed = true, messages = true } = {}) {
  const box = messagesBox(scratch());
  await box.part.start();
  ends.push(() => box.part.stop());
  const asked: string[] = [];
  const desk = deskAppApi(
    box.guests,
    async (address) => {
      asked.push(address);
      return { station: "02:00:00:00:00:01", agreed };
    },
    capturedLog().log,
  );
  /** Whose an address is, where it is not a device's only one. */
  const devices = new Map<string, string>();
  let isAway = false;
  let nowMs = 0;
  const app = appRoutes(
    () => ({ ...FACTS, messages }),
    async () => SCRIPT,
    async (path, init) => {
      if (isAway) throw new Error("away");
      return desk.fetch(new Request(`http://desk${path.replace(/^\/app/, "")}`, init));
    },
    () => nowMs,
    async (address) => devices.get(address) ?? address,
  );
  return {
    ...box,
    asked,
    devices,
    wait: (ms: number) => {
      nowMs += ms;
    },
    goAway: () => {
      isAway = true;
    },
    get: (path: string, init: RequestInit = {}, address = "10.20.0.7") =>
      Promise.resolve(
        app.fetch(new Request(`http://omerta.internal${path}`, init), { address, secure: false }),
      ),
  };
}

type Stand = Awaited<ReturnType<typeof stand>>;

function card(key = anna, name = "Anna"): Uint8Array {
  const body = encodeBody("card", { name, prekey: new Uint8Array(32).fill(9), prekeyNumber: 1, version: 1 });
  return encodeBundle(
    makeBundle(
      {
        ...{ kind: "card", sender: { as: "person", key: key.publicKey }, to: { kind: "everyone" } },
        ...{ priority: "room", lifetimeS: 3_600, createdS: 0, sequence: 1, body },
      },
      key.sign,
    ),
  );
}

/** A sealed message as the box sees it: bytes. */
function direct(sequence: number): Uint8Array {
  return encodeBundle(
    makeBundle(
      {
        ...{ kind: "direct", sender: { as: "person", key: anna.publicKey }, priority: "direct" },
        ...{ to: { kind: "person", key: ben.publicKey }, lifetimeS: 3_600, createdS: 0 },
        ...{ sequence, body: new Uint8Array(80).fill(7) },
      },
      anna.sign,
    ),
  );
}

const posted = (bytes: Uint8Array, headers: Record<string, string> = {}): RequestInit => ({
  ...{ method: "POST", body: Buffer.from(bytes) },
  headers: { "content-type": "application/octet-stream", ...headers },
});
const submit = async ({ get }: Stand, bytes: Uint8Array) => (await get("/app/submit", posted(bytes))).json();

/** The query that asks for what is for somebody. */
async function inboxQuery({ get }: Pick<Stand, "get">, key = ben, after = 0, by = key): Promise<string> {
  const given = (await (await get("/app/challenge")).json()) as { box: string; challenge: string };
  const request = { box: Buffer.from(given.box, "base64"), key: key.publicKey, after };
  const proof = makeInboxProof(request, Buffer.from(given.challenge, "base64"), by.sign);
  return new URLSearchParams({
    key: base64(key.publicKey),
    proof: base64(proof),
    after: `${after}`,
  }).toString();
}

describe("the page for messages to one person", () => {
  test("may take scripts from the portal alone, and sends nothing anywhere else", async () => {
    const response = await (await stand()).get("/app?lang=en");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none';script-src 'self';");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).not.toContain("unsafe");
    const page = await response.text();
    expect(page.match(/<script(?! type="application\/json")[^>]*>/g)).toEqual([
      '<script src="/app.js?v=abc" defer="">',
    ]);
    expect(page).not.toMatch(/ on\w+=/);
  });

  test("has its own texts in each language, and no other page's", async () => {
    const { get } = await stand();
    for (const { code, texts } of LANGUAGES) {
      const page = await (await get(`/app?lang=${code}`)).text();
      const json = /<script type="application\/json" id="texts">([^<]*)<\/script>/.exec(page)?.[1] ?? "{}";
      const given = JSON.parse(json) as Record<string, string>;
      expect(given["app.intro"]).toBe(texts["app.intro"]);
      expect(given["nav.back"]).toBe(texts["nav.back"]);
      expect(Object.keys(given)).not.toContain("sos.text");
    }
  });

  test("says in each language what it cannot keep from whoever controls the box", async () => {
    expect(LANGUAGES.find(({ code }) => code === "en")?.texts["app.intro"]).toContain(
      "that you do not trust",
    );
    for (const { code, texts } of LANGUAGES) {
      const sentences = texts["app.intro"].split(/[.।۔。]/).filter((sentence) => sentence.trim() !== "");
      expect([code, sentences.length]).toEqual([code, 3]);
    }
  });

  test("is not there where the box carries no messages", async () => {
    expect((await (await stand({ messages: false })).get("/app")).status).toBe(404);
  });

  test("has a script that browsers keep for as long as it is the same one", async () => {
    const { get } = await stand();
    const kept = await get("/app.js?v=abc", { headers: { "accept-encoding": "br, gzip" } });
    expect(kept.headers.get("cache-control")).toBe("max-age=31536000, immutable");
    expect(kept.headers.get("content-encoding")).toBe("gzip");
    const other = await get("/app.js?v=older");
    expect(other.headers.get("cache-control")).toBe("no-store");
    expect(await other.text()).toBe(";");
  });
});

describe("what the page asks the box", () => {
  test("a person's card goes in, and is found by name and by key", async () => {
    const box = await stand();
    const id = bundleId(decodeBundle(card()));
    expect(await submit(box, card())).toEqual({ state: "new", id });
    expect(await submit(box, card())).toEqual({ state: "known", id });
    const found = await (await box.get("/app/people?name=anna")).json();
    const person = { key: base64(anna.publicKey), name: "Anna", bundle: base64(card()), vouchedBy: "" };
    expect(found).toEqual({ people: [person] });
    const key = encodeURIComponent(base64(anna.publicKey));
    expect(await (await box.get(`/app/card?key=${key}`)).json()).toEqual({
      bundle: base64(card()),
      vouchedBy: "",
    });
    expect(
      await (await box.get(`/app/card?key=${encodeURIComponent(base64(ben.publicKey))}`)).json(),
    ).toEqual({
      bundle: "",
      vouchedBy: "",
    });
    // Whose it is says the kernel, not the guest.
    expect(new Set(box.asked)).toEqual(new Set(["10.20.0.7"]));
  });

  test("what is too much for once goes in by work", async () => {
    const box = await stand();
    let answer: { refused?: string; work?: string } = {};
    let late = direct(0);
    for (let n = 0; answer.refused === undefined; n += 1) {
      late = direct(n);
      answer = (await submit(box, late)) as typeof answer;
    }
    const query = new URLSearchParams({ work: solved(answer.work ?? "") });
    const taken = await box.get(`/app/submit?${query}`, posted(late));
    expect(await taken.json()).toEqual({ state: "new", id: bundleId(decodeBundle(late)) });
    const tooLong = await box.get(`/app/submit?work=${"0".repeat(1_000)}`, posted(late));
    expect(await tooLong.json()).toMatchObject({ refused: "form" });
  });

  test("asking for people whom nobody knows leaves nothing in the store", async () => {
    const box = await stand();
    for (let n = 0; n < 5; n += 1) {
      const key = encodeURIComponent(base64(new Uint8Array(32).fill(100 + n)));
      expect(await (await box.get(`/app/card?key=${key}`)).json()).toEqual({ bundle: "", vouchedBy: "" });
    }
    // What is taken in, is so in turn.
    await submit(box, card());
    const held = Object.values(box.operator.status().held);
    expect(held.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  test("nothing is taken in from who has not agreed, nor what is no bundle, nor what is too long", async () => {
    expect(await submit(await stand({ agreed: false }), card())).toEqual({ refused: "consent", detail: "" });
    const box = await stand();
    expect(await submit(box, new Uint8Array(20))).toMatchObject({ refused: "form" });
    const long = await box.get("/app/submit", posted(new Uint8Array(70_000)));
    expect(long.status).toBe(413);
  });

  test("nothing is taken in from another site's page, nor from a form", async () => {
    const box = await stand();
    for (const headers of [
      { origin: "null" },
      { origin: "http://evil.example" },
      { origin: "http://omerta.internal:8080" },
      { origin: "nonsense" },
      { "content-type": "text/plain" },
      { "content-type": "application/x-www-form-urlencoded" },
    ]) {
      expect([headers, (await box.get("/app/submit", posted(card(), headers))).status]).toEqual([
        headers,
        403,
      ]);
      for (const path of ["/app/report", "/app/join", "/app/take-along"]) {
        const json = { "content-type": "application/json", ...headers };
        expect([path, (await box.get(path, posted(new Uint8Array(), json))).status]).toEqual([path, 403]);
      }
    }
    expect(await (await box.get("/app/people?name=anna")).json()).toEqual({ people: [] });
    const own = posted(card(), { origin: "http://omerta.internal" });
    expect(await (await box.get("/app/submit", own)).json()).toMatchObject({ state: "new" });
    const report = posted(Buffer.from("{}"), { "content-type": "application/json; charset=utf-8" });
    expect((await box.get("/app/report", report)).status).toBe(400);
  });

  test("messages are given to whom they are for, who proves it, once for each proof", async () => {
    const box = await stand();
    await submit(box, direct(1));
    const query = await inboxQuery(box);
    const { items } = (await (await box.get(`/app/inbox?${query}`)).json()) as InboxAnswer;
    expect(items.map(({ bundle }) => bundle)).toEqual([base64(direct(1))]);
    expect(await (await box.get(`/app/inbox?${query}`)).json()).toMatchObject({ refused: "unknown" });
    const stolen = await inboxQuery(box, ben, 0, anna);
    expect(await (await box.get(`/app/inbox?${stolen}`)).json()).toMatchObject({ refused: "unknown" });
    expect((await box.get(`/app/events?${stolen}`)).status).toBe(403);
  });

  test("how far one's own have come is told for up to 100 at a time", async () => {
    const box = await stand();
    await submit(box, direct(1));
    const id = bundleId(decodeBundle(direct(1)));
    const told = await (await box.get(`/app/deliveries?ids=${id}`)).json();
    expect(told).toMatchObject({ deliveries: [{ id, state: "waiting" }] });
    const many = Array(101).fill(id).join(",");
    expect((await box.get(`/app/deliveries?ids=${many}`)).status).toBe(400);
    expect((await box.get("/app/deliveries?ids=x")).status).toBe(400);
  });

  test("what comes is told at once, with a challenge for the question that follows", async () => {
    const box = await stand();
    await submit(box, direct(1));
    const abort = new AbortController();
    const response = await box.get(`/app/events?${await inboxQuery(box)}`, { signal: abort.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.getReader();
    const next = async () => new TextDecoder().decode((await reader?.read())?.value);
    const first = await next();
    expect(first).toStartWith("event: inbox\ndata: {");
    expect(JSON.parse(first.split("data: ")[1] ?? "").items.length).toBe(1);
    await submit(box, direct(2));
    const second = await next();
    expect(second).toStartWith("event: changed\ndata: {");
    const { challenge, box: boxKey } = JSON.parse(second.split("data: ")[1] ?? "");
    const request = { box: Buffer.from(boxKey, "base64"), key: ben.publicKey, after: 1 };
    const proof = makeInboxProof(request, Buffer.from(challenge, "base64"), ben.sign);
    const query = new URLSearchParams({ key: base64(ben.publicKey), proof: base64(proof), after: "1" });
    const { items } = (await (await box.get(`/app/inbox?${query}`)).json()) as InboxAnswer;
    expect(items.map(({ bundle }) => bundle)).toEqual([base64(direct(2))]);
    await reader?.cancel();
    abort.abort();
  });

  test("no device holds more than three streams", async () => {
    const box = await stand();
    const open = async () => box.get(`/app/events?${await inboxQuery(box)}`);
    const streams = [await open(), await open(), await open()];
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await open()).status).toBe(429);
    for (const { body } of streams) await body?.cancel();
  });

  test("a stream ends at the daemon when the guest has gone", async () => {
    const folder = scratch();
    const box = messagesBox(folder);
    await box.part.start();
    ends.push(() => box.part.stop());
    const device = async () => ({ station: "02:00:00:00:00:01", agreed: true });
    const api = new Hono().route("/app", deskAppApi(box.guests, device, capturedLog().log));
    const desk = serveSocket(`${folder}/desk.sock`, (request) => api.fetch(request));
    const app = appRoutes(
      () => ({ ...FACTS, messages: true }),
      async () => SCRIPT,
      deskAsker(`${folder}/desk.sock`),
      () => performance.now(),
      async (address) => address,
    );
    const portal = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => app.fetch(request, { address: "127.0.0.1", secure: false }),
    });
    ends.push(
      () => portal.stop(true),
      () => desk.stop(true),
    );
    const get = (path: string, init: RequestInit = {}) => fetch(new URL(path, portal.url), init);
    // Three may be open at a time: the tenth opens only if those before it were closed.
    for (let n = 0; n < 10; n += 1) {
      const abort = new AbortController();
      let isOpen = false;
      // The one before ends a moment after its guest has gone; the test's own time-out is the limit.
      while (!isOpen) {
        const { body, status } = await get(`/app/events?${await inboxQuery({ get })}`, {
          signal: abort.signal,
        });
        isOpen = status === 200 && (await body?.getReader().read())?.done === false;
      }
      abort.abort();
    }
  });

  test("no device has more of the daemon by having many addresses", async () => {
    const box = await stand();
    const ask = async (address: string) => (await box.get("/app/people?name=a", {}, address)).status;
    const addresses = Array.from({ length: 300 }, (_, n) => `fd00::${n.toString(16)}`);
    for (const address of addresses) box.devices.set(address, "02:00:00:00:00:01");
    const statuses = await Promise.all(addresses.map(ask));
    expect(statuses.filter((status) => status === 200).length).toBe(60);
    expect(await ask("fd00::beef")).toBe(200);
  });

  test("no guest asks the daemon without end, and none takes another's share", async () => {
    const box = await stand();
    const ask = async (address?: string) => (await box.get("/app/people?name=a", {}, address)).status;
    const statuses = await Promise.all(Array.from({ length: 70 }, () => ask()));
    expect(statuses.filter((status) => status === 200).length).toBe(60);
    expect(await ask()).toBe(429);
    expect((await box.get("/app/card?key=AA")).status).toBe(429);
    expect(await ask("10.20.0.8")).toBe(200);
    box.wait(1_000);
    expect(await ask()).toBe(200);
  });

  test("gets 503 while the daemon is away", async () => {
    const box = await stand();
    box.goAway();
    expect((await box.get("/app/challenge")).status).toBe(503);
  });
});
