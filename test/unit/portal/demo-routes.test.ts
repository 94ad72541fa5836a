import { describe, expect, test } from "bun:test";
import { demoRoutes } from "../../../src/portal/demo-routes.ts";
import { deskDemoApi } from "../../../src/portal/desk-demo-api.ts";
import type { GuestDemos } from "../../../src/portal/guest-demos.ts";
import type { DemoNews } from "../../../src/vm/demo/index.ts";
import { capturedLog } from "../captured-log.ts";
import { FACTS } from "./facts.ts";

const ID = "0123456789abcdef0123456789abcdef";
const SIZE = { columns: 80, rows: 24 };

/** The portal's routes before a desk whose machine says back what is typed. */
function box({ agreed = true, lends = true } = {}) {
  const seen = { begun: [] as string[], left: [] as string[], more: 0, isFull: false, isTaking: true };
  let hear: ((news: DemoNews) => boolean) | undefined;
  const demos: GuestDemos = {
    begin: async (station) => {
      seen.begun.push(station);
      return seen.isFull ? { refused: "full" } : { id: ID };
    },
    listen(id, station, told) {
      if (id !== ID || station !== "station 10.0.0.1") return undefined;
      hear = told;
      told({ is: "left", ms: 599_600 });
      return () => seen.left.push("listening");
    },
    more: () => {
      seen.more += 1;
    },
    type(_, station, bytes) {
      if (station !== "station 10.0.0.1" || !seen.isTaking) return false;
      hear?.({ is: "out", bytes });
      return true;
    },
    leave: (id, station) => void seen.left.push(`${id} ${station}`),
  };
  const device = async (address: string) => ({ station: `station ${address}`, agreed });
  const desk = deskDemoApi(demos, device, capturedLog().log);
  const app = demoRoutes(
    () => (lends ? { ...FACTS, demoMinutes: 10 } : FACTS),
    async () => ({ text: new Uint8Array(), gzipped: new Uint8Array(), version: "v1" }),
    async (path, init) => desk.fetch(new Request(`http://desk${path.replace("/demo", "")}`, init)),
    () => 0,
    async (address) => address,
  );
  const ask = (path: string, init: RequestInit = {}, address = "10.0.0.1") =>
    app.fetch(new Request(`http://box${path}`, init), { address, secure: false });
  const post = (path: string, type: string, body: string, address?: string, origin = "http://box") =>
    ask(path, { method: "POST", body, headers: { "Content-Type": type, Origin: origin } }, address);
  const start = (address?: string) => post("/demo/start", "application/json", JSON.stringify(SIZE), address);
  const keys = (text: string, address?: string) =>
    post(`/demo/keys?id=${ID}`, "application/octet-stream", text, address);
  return { seen, ask, post, start, keys, tell: (news: DemoNews) => hear?.(news) };
}

describe("the page with a machine to try", () => {
  test("is there where the box lends one, says for how long, and runs no script but our own", async () => {
    const { ask } = box();
    const page = await ask("/demo?lang=en");
    expect(await page.text()).toContain("10\u00a0minutes");
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self'");
    const none = box({ lends: false });
    expect((await none.ask("/demo")).status).toBe(404);
  });

  test("begins a machine for a guest who has agreed, by the device's name", async () => {
    const { start, seen } = box();
    expect(await (await start()).json()).toEqual({ id: ID });
    expect(seen.begun).toEqual(["station 10.0.0.1"]);
    const other = box({ agreed: false });
    expect(await (await other.start()).json()).toEqual({ refused: "consent" });
    expect(other.seen.begun).toEqual([]);
  });

  test("says why there is none", async () => {
    const { start, seen } = box();
    seen.isFull = true;
    expect(await (await start()).json()).toEqual({ refused: "full" });
  });

  test("brings what the machine says, until it ends, and keys to it", async () => {
    const { ask, keys, seen, tell } = box();
    const events = await ask(`/demo/events?id=${ID}`);
    expect(events.headers.get("content-type")).toBe("text/event-stream");
    expect((await keys("ls\n")).status).toBe(204);
    tell({ is: "ended", why: "time" });
    expect(await events.text()).toBe(
      "event: left\ndata: 600\n\nevent: out\ndata: bHMK\n\nevent: ended\ndata: time\n\n",
    );
    expect(seen.left).toEqual(["listening"]);
    expect(seen.more).toBeGreaterThan(0);
  });

  test("shows nobody another device's machine, and takes no keys for it", async () => {
    const { ask, keys } = box();
    expect((await ask(`/demo/events?id=${ID}`, {}, "10.0.0.2")).status).toBe(404);
    expect((await keys("x", "10.0.0.2")).status).toBe(409);
    expect((await ask("/demo/events?id=../..")).status).toBe(400);
  });

  test("says that keys were not taken, so that they come again", async () => {
    const { keys, seen } = box();
    seen.isTaking = false;
    expect((await keys("x")).status).toBe(409);
  });

  test("is obeyed alone: no other site begins or deletes anything", async () => {
    const { post, seen } = box();
    const type = "application/octet-stream";
    expect((await post(`/demo/leave?id=${ID}`, type, "", undefined, "http://other")).status).toBe(403);
    expect((await post("/demo/start", "text/plain", JSON.stringify(SIZE))).status).toBe(403);
    expect((await post(`/demo/leave?id=${ID}`, type, "")).status).toBe(204);
    expect(seen.left).toEqual([`${ID} station 10.0.0.1`]);
  });

  test("takes no screen that is none, and no more at once than somebody pastes", async () => {
    const { post, keys } = box();
    const type = "application/json";
    for (const size of [
      { columns: 0, rows: 24 },
      { columns: 80.5, rows: 24 },
      { columns: 1e9, rows: 24 },
      {},
    ])
      expect((await post("/demo/start", type, JSON.stringify(size))).status).toBe(400);
    expect((await post("/demo/start", type, "{")).status).toBe(400);
    expect((await keys("x".repeat(4_097))).status).toBe(413);
  });
});
