import { describe, expect, test } from "bun:test";
import type { Bundle } from "../../../../src/messages/bundle/bundle.ts";
import { bundleId, encodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import { scratchFolders } from "../../scratch.ts";
import { PEER } from "../custody/store-stand.ts";
import { bundleNumber } from "../sync/numbered-bundles.ts";
import { OTHER_BOX, openOutbox, until } from "./outbox-stand.ts";

const newFolder = scratchFolders();
const MINUTE_MS = 60_000;
const toMail = (number: number, kind: "check-in" | "sos" = "check-in") =>
  bundleNumber(number, { kind, to: { kind: "outside", uri: `mailto:kin${number}@example.org` } });

type Box = Awaited<ReturnType<typeof openOutbox>>;
const take = async ({ store }: Box, ...bundles: Bundle[]) =>
  void (await Promise.all(bundles.map((bundle) => store.take(encodeBundle(bundle), 0, { by: "self" }))));
const uris = ({ bridge }: Box) => bridge.tried.map(({ uri }) => uri);
const states = ({ outbox }: Box) => outbox.entries().map(({ state, detail }) => [state, detail]);
const waits = (box: Box, detail: string) => () =>
  states(box).some((entry) => entry.join() === `waiting,${detail}`);

describe("The outbox", () => {
  test("sends what is for somebody outside, and nothing else, and tells of it", async () => {
    const box = await openOutbox(newFolder());
    await box.outbox.start();
    await take(box, bundleNumber(1), toMail(2));
    await until("sent", () => box.sent.length === 1);
    expect(uris(box)).toEqual(["mailto:kin2@example.org"]);
    await until("told", () => states(box).join() === "sent,");
    expect(box.outbox.entries()).toEqual([
      { id: box.sent[0] ?? "", uri: "mailto:kin2@example.org", state: "sent", detail: "", ageS: 0 },
    ]);
    expect(box.outbox.status()).toEqual({ waiting: 0, sent: 1, failed: 0, bridge: "script" });
    await box.close();
  });

  test("finds at its start what came while it was not there, the most important first", async () => {
    const box = await openOutbox(newFolder());
    await take(box, ...Array.from({ length: 60 }, (_, number) => toMail(number)), toMail(99, "sos"));
    await box.outbox.start();
    await until("all sent", () => box.sent.length === 61);
    expect(uris(box)[0]).toBe("mailto:kin99@example.org");
    expect(new Set(uris(box)).size).toBe(61);
    await box.close();
  });

  test("does not send what another box has told that it sent, whatever came first", async () => {
    const box = await openOutbox(newFolder());
    await box.outbox.start();
    const [told, untold] = [toMail(1), toMail(2)];
    const receipt = OTHER_BOX.receipt("delivered", [bundleId(told)]);
    await box.store.take(receipt.encoded, 0, PEER);
    for (const one of [told, untold]) await box.store.take(encodeBundle(one), 0, PEER);
    await until("sent", () => box.sent.length === 1);
    await until("told", () => box.outbox.status().sent === 2);
    expect(uris(box)).toEqual(["mailto:kin2@example.org"]);
    await box.close();
  });

  test("leaves what came from another box to that one for a while, and then asks once more whether it was sent", async () => {
    const box = await openOutbox(newFolder(), undefined, 1_000, () => 0.5);
    await box.outbox.start();
    const [told, untold, own] = [toMail(1), toMail(2), toMail(3)];
    for (const one of [told, untold]) await box.store.take(encodeBundle(one), 0, PEER);
    await take(box, own);
    await until("sent", () => box.sent.length === 1);
    box.outbox.tryNow();
    await box.store.take(OTHER_BOX.receipt("delivered", [bundleId(told)]).encoded, 0, PEER);
    await until("planned", () => box.clocks.time.waiting === 2);
    expect(uris(box)).toEqual(["mailto:kin3@example.org"]);
    await box.clocks.time.advanceAsync(2.5 * MINUTE_MS);
    await until("sent", () => box.sent.length === 2);
    expect(uris(box)).toEqual(["mailto:kin3@example.org", "mailto:kin2@example.org"]);
    await box.close();
  });

  test("keeps what no bridge serves", async () => {
    const box = await openOutbox(newFolder());
    await box.outbox.start();
    await take(box, bundleNumber(1, { to: { kind: "outside", uri: "tel:+4930123456" } }));
    await until("kept", () => box.outbox.status().waiting === 1);
    expect(box.bridge.tried).toEqual([]);
    await box.close();
  });

  test("tries again later and later while the other side says not now", async () => {
    const box = await openOutbox(newFolder());
    box.bridge.answers = Array.from({ length: 8 }, () => ({
      retryAfterMs: 0,
      of: "item",
      why: "greylisted",
    }));
    await box.outbox.start();
    await take(box, toMail(1));
    for (const [failures, minutes] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      const tries = failures + 1;
      await until("tried", () => box.bridge.tried.length === tries && waits(box, "greylisted")());
      // The store's own next look, and the outbox's.
      await until("planned", () => box.clocks.time.waiting === 2);
      await box.clocks.time.advanceAsync(minutes * MINUTE_MS - 1);
      expect(box.bridge.tried.length).toBe(tries);
      await box.clocks.time.advanceAsync(1);
    }
    await until("sent", () => box.sent.length === 1);
    await box.close();
  });

  test("tries nothing else while the server cannot be reached, and all at once when an uplink comes", async () => {
    const box = await openOutbox(newFolder());
    box.bridge.answers = [{ retryAfterMs: 0, of: "bridge", why: "no way there" }];
    await box.outbox.start();
    await take(box, toMail(1), toMail(2), toMail(3));
    await until("paused", waits(box, "no way there"));
    expect(box.bridge.tried.length).toBe(1);
    box.outbox.tryNow();
    await until("all sent", () => box.sent.length === 3);
    await box.close();
  });

  test("goes on with others while one has to wait, and never again tries one that failed for good", async () => {
    const folder = newFolder();
    const box = await openOutbox(folder);
    box.bridge.answers = [
      { failed: "550 no such user" },
      { retryAfterMs: MINUTE_MS, of: "item", why: "450 busy" },
    ];
    await take(box, toMail(1), toMail(2), toMail(3));
    await box.outbox.start();
    await until("third sent", () => states(box)[0]?.join() === "sent,");
    expect(states(box)).toEqual([
      ["sent", ""],
      ["waiting", "450 busy"],
      ["failed", "550 no such user"],
    ]);
    await box.close();
    const again = await openOutbox(folder, box.clocks);
    await again.outbox.start();
    await until("second sent", () => again.sent.length === 1);
    expect(uris(again)).toEqual(["mailto:kin2@example.org"]);
    await again.close();
  });

  test("says on the medium that it is sending before it does, and sends again what a stop left in doubt", async () => {
    const folder = newFolder();
    const box = await openOutbox(folder);
    let seen: unknown;
    const left = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    box.bridge.during = async () => {
      // What another process would find on the medium at that moment.
      const other = new (await import("bun:sqlite")).Database(`${folder}/outbox.sqlite`, { readonly: true });
      seen = other.query("SELECT state FROM item").values();
      other.close();
      begin();
      await left.promise;
    };
    await box.outbox.start();
    await take(box, toMail(1));
    await begun;
    expect(seen).toEqual([["sending"]]);
    // The box is killed here: nothing of what follows in it is ever seen. Its store is left open, as a kill would leave it.
    const again = await openOutbox(folder, box.clocks);
    await again.outbox.start();
    await until("sent again", () => again.sent.length === 1);
    expect(again.bridge.tried.map(({ id }) => id)).toEqual(box.bridge.tried.map(({ id }) => id));
    await again.close();
    left.resolve();
  });

  test("tells of what it has sent at its next start where it could not tell before, and sends it no more", async () => {
    const folder = newFolder();
    const box = await openOutbox(folder);
    box.telling.fails = true;
    await box.outbox.start();
    await take(box, toMail(1));
    await until("sent", () => states(box).some(([state]) => state === "sent"));
    await box.close();
    const again = await openOutbox(folder, box.clocks);
    await again.outbox.start();
    expect(again.sent).toEqual(box.bridge.tried.map(({ id }) => id));
    expect(states(again)).toEqual([["sent", ""]]);
    await again.close();
    const third = await openOutbox(folder, box.clocks);
    await third.outbox.start();
    expect([third.sent, again.bridge.tried, third.bridge.tried]).toEqual([[], [], []]);
    await third.close();
  });

  test("lets go of what has expired, and of what another box has sent", async () => {
    const box = await openOutbox(newFolder());
    box.bridge.answers = Array.from({ length: 99 }, () => ({ retryAfterMs: 0, of: "bridge", why: "away" }));
    await box.outbox.start();
    await take(box, toMail(1), toMail(2));
    await until("paused", waits(box, "away"));
    const [first] = box.outbox.entries();
    await box.outbox.sentElsewhere(first?.id ?? "");
    expect(states(box)).toContainEqual(["sent", "by another box"]);
    await box.clocks.time.advanceAsync(25 * 3_600_000);
    await until("empty", () => box.outbox.entries().length === 0 && box.outbox.status().sent === 0);
    expect(box.outbox.status()).toMatchObject({ waiting: 0, failed: 0 });
    await box.close();
  });

  test("sends no more in an hour than it may", async () => {
    const box = await openOutbox(newFolder(), undefined, 10);
    await take(box, ...Array.from({ length: 25 }, (_, number) => toMail(number)));
    await box.outbox.start();
    await until("ten", () => box.sent.length === 10);
    await box.clocks.time.advanceAsync(59 * MINUTE_MS);
    expect(box.bridge.tried.length).toBe(10);
    await box.clocks.time.advanceAsync(2 * MINUTE_MS);
    await until("ten more", () => box.sent.length === 20);
    expect(box.bridge.tried.length).toBe(20);
    await box.close();
  });

  test("outlives a bridge that breaks", async () => {
    const box = await openOutbox(newFolder());
    box.bridge.during = () => {
      throw new TypeError("broken");
    };
    await box.outbox.start();
    await take(box, toMail(1));
    await until("waits", waits(box, "TypeError: broken"));
    expect(box.lines.some(({ msg }) => msg === "outbox: script")).toBe(true);
    await box.close();
  });
});
