import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Config, defaultConfig } from "../../../src/config/index.ts";
import { Gateway, GuestError, SessionStore } from "../../../src/gateway/index.ts";
import { Journal } from "../../../src/store/index.ts";
import { capturedLog } from "../captured-log.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { FakeBackend } from "./fake-backend.ts";

const scratch = scratchFolders();

const AMINA = { mac: "02:00:00:00:00:01", ipv4: "10.20.0.16" };
const BAHATI = { mac: "02:00:00:00:00:02", ipv4: "10.20.0.17" };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;

interface BoxOptions {
  folder?: string;
  clock?: FakeClock;
  config?: Partial<Config["gateway"]>;
}

/** A gateway with a real store, a network in memory and time that passes only when a test says so. */
function makeBox({ folder = scratch(), clock = new FakeClock(), config = {} }: BoxOptions = {}) {
  const backend = new FakeBackend();
  const { log, lines } = capturedLog();
  const journal = new Journal(join(folder, "journal.sqlite"), clock, 1_000);
  journal.open();
  const store = new SessionStore(join(folder, "sessions.sqlite"));
  const gateway = new Gateway({
    config: { ...defaultConfig().gateway, ...config },
    backend,
    store,
    journal,
    clock,
    log,
  });
  const pass = async (ms: number) => {
    clock.pass(ms);
    jest.advanceTimersByTime(ms);
    await settle();
  };
  return { folder, clock, backend, journal, store, gateway, lines, pass };
}

type Box = ReturnType<typeof makeBox>;

async function startedBox(options: BoxOptions = {}): Promise<Box> {
  const box = makeBox(options);
  await box.gateway.start();
  return box;
}

/** A guest gets an address. */
function joins({ backend }: Box, { mac, ipv4 }: typeof AMINA, kind: "add" | "old" = "add"): Promise<void> {
  backend.stations.set(ipv4, { mac, ipv4 });
  backend.events.lease({ kind, mac, ipv4 });
  return settle();
}

/** Lets everything that waits for nothing but its turn go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** Waits for what waits for the store, which commits a few ms later. */
async function done<T>(promise: Promise<T>): Promise<T> {
  let over = false;
  promise
    .catch(() => undefined)
    .finally(() => {
      over = true;
    });
  for (let ms = 0; !over && ms < 200; ms += 1) {
    jest.advanceTimersByTime(1);
    await settle();
  }
  return promise;
}

/** What another process finds on the medium now. */
function stored(folder: string) {
  const store = new SessionStore(join(folder, "sessions.sqlite"));
  store.open();
  const all = store.all();
  store.close();
  return all;
}

const kinds = ({ journal }: Box) =>
  journal
    .tail(100)
    .map(({ kind }) => kind)
    .reverse();

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe("a guest", () => {
  test("who has joined is new, and not let through", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    expect(await box.gateway.view(AMINA.ipv4)).toEqual({ state: "new", armed: true, secondsLeft: 0 });
    expect(box.backend.kernel.size).toBe(0);
  });

  test("to whom the page was shown is shown", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    expect(await box.gateway.shown(AMINA.ipv4)).toMatchObject({ state: "shown" });
    expect(box.backend.kernel.size).toBe(0);
  });

  test("who agrees is let through for as long as an agreement lasts", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    const view = await done(box.gateway.agree(AMINA.ipv4, "sw"));
    expect(view).toEqual({ state: "released", armed: false, secondsLeft: 86_400 });
    expect([...box.backend.kernel.values()]).toEqual([{ ...AMINA, seconds: 86_400 }]);
  });

  test("who agrees is in the journal, with station, address and language", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "sw"));
    expect(box.journal.tail(1)[0]).toMatchObject({
      part: "gateway",
      kind: "guest-agreed",
      subject: AMINA.mac,
      detail: { ipv4: AMINA.ipv4, language: "sw" },
    });
  });

  test("who leaves is let through no more, and forgotten on the medium", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "sw"));
    const view = await done(box.gateway.leave(AMINA.ipv4));
    expect(view).toMatchObject({ state: "expired", secondsLeft: 0 });
    expect(box.backend.kernel.size).toBe(0);
    expect(stored(box.folder)).toEqual([]);
    expect(kinds(box)).toEqual(["guest-agreed", "guest-left"]);
  });

  test("agrees and leaves also when whoever is to be told of it fails, and that is logged", async () => {
    const box = await startedBox();
    box.gateway.onDecision(() => {
      throw new Error("no neighbour");
    });
    const heard: string[] = [];
    box.gateway.onDecision(({ kind }) => heard.push(kind));
    await joins(box, AMINA);
    expect(await done(box.gateway.agree(AMINA.ipv4, "sw"))).toMatchObject({ state: "released" });
    expect(await done(box.gateway.leave(AMINA.ipv4))).toMatchObject({ state: "expired" });
    expect(box.backend.kernel.size).toBe(0);
    expect(heard).toEqual(["agreed", "left"]);
    expect(box.lines.filter((line) => JSON.stringify(line).includes("no neighbour"))).toHaveLength(2);
  });

  test("who leaves without having agreed changes nothing", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    expect(await done(box.gateway.leave(AMINA.ipv4))).toMatchObject({ state: "new" });
    expect(kinds(box)).toEqual([]);
  });

  test("whom no station stands behind cannot be served", async () => {
    const box = await startedBox();
    for (const ask of [
      () => box.gateway.view("10.20.9.9"),
      () => box.gateway.shown("10.20.9.9"),
      () => box.gateway.agree("10.20.9.9", "en"),
      () => box.gateway.leave("10.20.9.9"),
    ]) {
      const error = await done(ask()).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(GuestError);
      expect(error).toMatchObject({ reason: "unknown-station" });
    }
  });

  test("is the same by IPv4 and by IPv6", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    box.backend.stations.set("fd00::5", AMINA);
    await done(box.gateway.agree("fd00::5", "en"));
    expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "released" });
    expect(await box.gateway.view("fd00::5")).toMatchObject({ state: "released" });
    expect(box.gateway.sessions.size).toBe(1);
  });

  test("who has an IPv6 address alone is let through by its station", async () => {
    const box = await startedBox();
    box.backend.stations.set("fd00::5", { mac: AMINA.mac, ipv4: "" });
    expect(await done(box.gateway.agree("fd00::5", "en"))).toMatchObject({ state: "released" });
    expect(box.backend.kernel.has(AMINA.mac)).toBe(true);
  });
});

describe("an agreement", () => {
  test("is on the medium before the guest is let through", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    const onMedium: number[] = [];
    box.backend.beforeAdmit = () => void onMedium.push(stored(box.folder).length);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    expect(onMedium).toEqual([1]);
  });

  test("is on the medium before the guest is let through also when the sweep comes between", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    const onMedium: number[] = [];
    box.backend.beforeAdmit = () => void onMedium.push(stored(box.folder).length);
    await box.pass(998);
    const agreed = box.gateway.agree(AMINA.ipv4, "en");
    await settle();
    await box.pass(2);
    await done(agreed);
    expect(onMedium).not.toContain(0);
  });

  test("that cannot be written down lets the guest through all the same, and the operator is told once", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await joins(box, BAHATI);
    expect(box.gateway.trouble()).toBeUndefined();
    jest.spyOn(box.store, "save").mockRejectedValue(new Error("disk full"));
    for (const { mac, ipv4 } of [AMINA, BAHATI]) {
      expect(await done(box.gateway.agree(ipv4, "en"))).toMatchObject({ state: "released" });
      expect(box.backend.kernel.has(mac)).toBe(true);
    }
    expect(box.gateway.trouble()).toBe("agreements are not kept: disk full");
    expect(box.lines.filter(({ msg }) => msg === "agreements are not kept")).toHaveLength(1);
  });

  test("lets the guest through also when the journal alone cannot be written", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    jest.spyOn(box.journal, "append").mockRejectedValue(new Error("disk full"));
    expect(await done(box.gateway.agree(AMINA.ipv4, "en"))).toMatchObject({ state: "released" });
    expect(box.gateway.trouble()).toContain("disk full");
  });

  test("that is taken back while the kernel is letting the guest through is taken out there again", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    let left: Promise<unknown> = Promise.resolve();
    box.backend.beforeAdmit = async () => {
      box.backend.beforeAdmit = () => {};
      left = box.gateway.leave(AMINA.ipv4);
      await settle();
    };
    expect(await done(box.gateway.agree(AMINA.ipv4, "en"))).toMatchObject({ state: "expired" });
    await done(left);
    expect(box.backend.kernel.size).toBe(0);
    expect(stored(box.folder)).toEqual([]);
  });

  test("of many guests that ends at one time ends by one transaction of the kernel", async () => {
    const box = await startedBox({ config: { consent_minutes: 1 } });
    for (const guest of [AMINA, BAHATI]) {
      await joins(box, guest);
      await done(box.gateway.agree(guest.ipv4, "en"));
    }
    box.clock.pass(60_000);
    await box.pass(1_000);
    await box.pass(10);
    expect(box.backend.expelled).toEqual([[AMINA, BAHATI]]);
    expect(box.backend.kernel.size).toBe(0);
    expect(stored(box.folder)).toEqual([]);
  });

  test("that is taken back while the sweep is at another guest is not carried out by that sweep", async () => {
    const box = await startedBox();
    box.backend.admitFails = () => true;
    for (const guest of [AMINA, BAHATI]) {
      await joins(box, guest);
      await done(box.gateway.agree(guest.ipv4, "en")).catch(() => undefined);
    }
    box.backend.admitFails = () => false;
    const asked: string[] = [];
    box.backend.beforeAdmit = async ({ mac }) => {
      asked.push(mac);
      if (mac !== AMINA.mac) return;
      void box.gateway.leave(BAHATI.ipv4);
      await settle();
    };
    await box.pass(1_000);
    await box.pass(10);
    expect(asked).toEqual([AMINA.mac]);
    expect([...box.backend.kernel.keys()]).toEqual([AMINA.mac]);
  });

  test("is carried out later when the kernel refuses it at first", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    box.backend.admitFails = () => true;
    expect(await done(box.gateway.agree(AMINA.ipv4, "en")).catch(String)).toContain("no such table");
    expect((await box.gateway.view(AMINA.ipv4)).state).toBe("consented");
    await box.pass(1_000);
    expect(box.backend.kernel.size).toBe(0);
    box.backend.admitFails = () => false;
    await box.pass(1_000);
    expect((await box.gateway.view(AMINA.ipv4)).state).toBe("released");
    expect(box.backend.kernel.has(AMINA.mac)).toBe(true);
  });

  test("ends when its time is over, and the portal is met again", async () => {
    const box = await startedBox({ config: { consent_minutes: 1 } });
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.clock.pass(59_000);
    await box.pass(900);
    expect(box.backend.kernel.size).toBe(1);
    await box.pass(1_000);
    await box.pass(10);
    expect(await box.gateway.view(AMINA.ipv4)).toEqual({ state: "expired", armed: true, secondsLeft: 0 });
    expect(box.backend.kernel.size).toBe(0);
    expect(stored(box.folder)).toEqual([]);
    expect(kinds(box)).toEqual(["guest-agreed", "guest-expired"]);
  });

  test("of one guest ends in time although another's cannot be carried out", async () => {
    const box = await startedBox({ config: { consent_minutes: 1 } });
    await joins(box, AMINA);
    await joins(box, BAHATI);
    await done(box.gateway.agree(BAHATI.ipv4, "en"));
    // Amina's session stands before Bahati's, and is tried again in every sweep.
    box.backend.admitFails = ({ mac }) => mac === AMINA.mac;
    box.clock.pass(30_000);
    await done(box.gateway.agree(AMINA.ipv4, "en")).catch(() => undefined);
    box.clock.pass(31_000);
    await box.pass(1_000);
    await box.pass(10);
    expect((await box.gateway.view(BAHATI.ipv4)).state).toBe("expired");
    expect(box.backend.kernel.has(BAHATI.mac)).toBe(false);
  });

  test("that is made again is longer, in the kernel too", async () => {
    const box = await startedBox({ config: { consent_minutes: 10 } });
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.clock.pass(9 * MINUTE_MS);
    expect(await done(box.gateway.agree(AMINA.ipv4, "en"))).toMatchObject({
      state: "released",
      secondsLeft: 600,
    });
    expect(box.backend.kernel.get(AMINA.mac)?.seconds).toBe(600);
  });

  test("that is taken back at the same moment is not carried out after that", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    const agreed = box.gateway.agree(AMINA.ipv4, "en");
    await settle();
    const left = box.gateway.leave(AMINA.ipv4);
    await done(Promise.allSettled([agreed, left]));
    const { state } = await box.gateway.view(AMINA.ipv4);
    expect(box.backend.kernel.has(AMINA.mac)).toBe(state === "released");
    expect(stored(box.folder).length > 0).toBe(state === "released");
  });

  test("that ended is gone from the medium although the kernel failed just then", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.backend.expelFails = true;
    await done(box.gateway.leave(AMINA.ipv4)).catch(() => undefined);
    expect(stored(box.folder)).toEqual([]);
  });

  test("that ended while the kernel failed is ended there as soon as it can be", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.backend.expelFails = true;
    await done(box.gateway.leave(AMINA.ipv4)).catch(() => undefined);
    box.backend.expelFails = false;
    for (let second = 0; second < 3; second += 1) await box.pass(1_000);
    expect(box.backend.kernel.size).toBe(0);
  });
});

describe("a lease", () => {
  test("at a new address moves a guest who has agreed once it speaks from there, in the kernel and on the medium too", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    const moved = { mac: AMINA.mac, ipv4: "10.20.0.99" };
    box.backend.joining.add(AMINA.mac);
    await joins(box, moved);
    expect(box.backend.kernel.get(AMINA.mac)?.ipv4).toBe(AMINA.ipv4);
    expect(await done(box.gateway.view(moved.ipv4))).toMatchObject({ state: "released", armed: true });
    expect(box.backend.kernel.get(AMINA.mac)?.ipv4).toBe(moved.ipv4);
    expect(box.backend.expelled).toEqual([[AMINA]]);
    expect(stored(box.folder)[0]?.ipv4).toBe(moved.ipv4);
    box.backend.stations.delete(AMINA.ipv4);
    expect(box.gateway.view(AMINA.ipv4)).rejects.toThrow(GuestError);
  });

  test.each(["renewing", "joining"])(
    "that a forged packet of a %s station has asked for does not move a guest who has agreed",
    async (kind) => {
      const box = await startedBox();
      await joins(box, AMINA);
      await done(box.gateway.agree(AMINA.ipv4, "en"));
      if (kind === "joining") box.backend.joining.add(AMINA.mac);
      box.backend.events.lease({ kind: "add", mac: AMINA.mac, ipv4: "10.20.0.99" });
      await settle();
      await box.pass(10);
      expect(box.backend.expelled).toEqual([]);
      expect(box.backend.kernel.get(AMINA.mac)?.ipv4).toBe(AMINA.ipv4);
      expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "released", armed: false });
    },
  );

  test("that a forged packet has asked for does not move a guest who comes by IPv6 either", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    // Of an IPv6 address the neighbour table tells the station; its IPv4 address is what the leases say.
    box.backend.stations.set("fd00::5", { mac: AMINA.mac, ipv4: "10.20.0.99" });
    expect(await done(box.gateway.view("fd00::5"))).toMatchObject({ state: "released", armed: false });
    expect(box.backend.kernel.get(AMINA.mac)?.ipv4).toBe(AMINA.ipv4);
  });

  test("of a station that has not agreed moves it, whoever asked", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await joins(box, { mac: AMINA.mac, ipv4: "10.20.0.99" });
    expect(box.gateway.sessions.get(AMINA.mac)).toMatchObject({ ipv4: "10.20.0.99", state: "new" });
  });

  test("of a guest who is being moved does not bring back an agreement that is taken back at that moment", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    const moved = { mac: AMINA.mac, ipv4: "10.20.0.99" };
    box.backend.beforeExpel = async () => {
      box.backend.beforeExpel = () => {};
      void box.gateway.leave(moved.ipv4);
      await settle();
    };
    box.backend.stations.set(moved.ipv4, moved);
    expect(await done(box.gateway.view(moved.ipv4))).toMatchObject({ state: "expired" });
    for (let ms = 0; ms < 20; ms += 1) await box.pass(1);
    expect(box.gateway.sessions.get(AMINA.mac)?.state).toBe("expired");
    expect(box.backend.kernel.size).toBe(0);
    expect(stored(box.folder)).toEqual([]);
  });

  test.each(["agreed", "not agreed"])(
    "that is renewed gives its address back to a station that has %s, whoever claimed it meanwhile",
    async (agreed) => {
      const box = await startedBox();
      await joins(box, AMINA);
      if (agreed === "agreed") await done(box.gateway.agree(AMINA.ipv4, "en"));
      box.gateway.sessions.meet(BAHATI.mac, AMINA.ipv4);
      expect(box.gateway.sessions.at(AMINA.ipv4)?.mac).toBe(BAHATI.mac);
      await joins(box, AMINA, "old");
      expect(box.gateway.sessions.at(AMINA.ipv4)?.mac).toBe(AMINA.mac);
    },
  );

  test("that was given anew stays the new station's when the old one's agreement ends", async () => {
    const box = await startedBox({ config: { consent_minutes: 10 } });
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.clock.pass(5 * MINUTE_MS);
    await joins(box, { mac: BAHATI.mac, ipv4: AMINA.ipv4 });
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.clock.pass(5 * MINUTE_MS);
    await box.pass(1_000);
    await box.pass(10);
    expect(box.gateway.sessions.get(AMINA.mac)?.state).toBe("expired");
    expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "released" });
    expect([...box.backend.kernel.keys()]).toEqual([BAHATI.mac]);
  });

  test("that is renewed in mid-stay does not show the portal again", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    await joins(box, AMINA, "old");
    expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "released", armed: false });
  });

  test("that is renewed by a phone that has just come back does, until the page was shown", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    box.backend.joining.add(AMINA.mac);
    await joins(box, AMINA, "old");
    expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "released", armed: true });
    expect(await box.gateway.shown(AMINA.ipv4)).toMatchObject({ state: "released", armed: false });
  });

  test("of a phone that comes back does not show the portal where the internet is open to it", async () => {
    const box = await startedBox();
    box.backend.uplinkUsable = true;
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    await joins(box, AMINA);
    expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "released", armed: false });
  });

  test("that ends takes a session without an agreement with it, and no other", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await joins(box, BAHATI);
    await done(box.gateway.agree(BAHATI.ipv4, "en"));
    for (const guest of [AMINA, BAHATI]) box.backend.events.lease({ kind: "del", ...guest });
    await settle();
    expect(box.gateway.sessions.all().map(({ mac }) => mac)).toEqual([BAHATI.mac]);
    expect(box.backend.kernel.has(BAHATI.mac)).toBe(true);
  });

  test("that passes to another station does not pass on the agreement", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    await joins(box, { mac: BAHATI.mac, ipv4: AMINA.ipv4 });
    expect(await box.gateway.view(AMINA.ipv4)).toMatchObject({ state: "new" });
    expect(box.backend.kernel.has(BAHATI.mac)).toBe(false);
  });

  test("that the kernel cannot tell about is logged, and the next one is served", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    jest.spyOn(box.backend, "hasJustJoined").mockRejectedValueOnce(new Error("nft: busy"));
    await joins(box, AMINA, "old");
    expect(box.lines.some(({ msg }) => msg.includes(AMINA.mac))).toBe(true);
    await joins(box, BAHATI);
    expect((await box.gateway.view(BAHATI.ipv4)).state).toBe("new");
  });

  test("flood is bounded: 20,000 stations are never more than 16,384 sessions, and who agreed stays", async () => {
    const box = await startedBox();
    await joins(box, AMINA);
    await done(box.gateway.agree(AMINA.ipv4, "en"));
    const before = performance.now();
    for (let index = 0; index < 20_000; index += 1) {
      const [a, b] = [(index >> 8) & 255, index & 255];
      const mac = `06:00:00:00:${a.toString(16).padStart(2, "0")}:${b.toString(16).padStart(2, "0")}`;
      box.backend.events.lease({ kind: "add", mac, ipv4: `10.21.${a}.${b}` });
    }
    await settle();
    expect(box.gateway.sessions.size).toBe(16_384);
    expect((await box.gateway.view(AMINA.ipv4)).state).toBe("released");
    expect(performance.now() - before).toBeLessThan(20_000);
  }, 30_000);
});

describe("a restart", () => {
  test("leaves a guest with the time that was left, though the wall clock has jumped by years", async () => {
    const first = await startedBox();
    await joins(first, AMINA);
    await done(first.gateway.agree(AMINA.ipv4, "en"));
    first.clock.pass(HOUR_MS);
    await done(first.gateway.stop());

    for (const jump of [20 * YEAR_MS, -56 * YEAR_MS]) {
      const clock = new FakeClock();
      clock.jumpWall(jump);
      const second = makeBox({ folder: first.folder, clock });
      await second.gateway.start();
      expect([...second.backend.kernel.values()]).toEqual([{ ...AMINA, seconds: 23 * 3_600 }]);
      expect(await second.gateway.view(AMINA.ipv4)).toEqual({
        state: "released",
        armed: false,
        secondsLeft: 23 * 3_600,
      });
      await done(second.gateway.stop());
      second.journal.close();
    }
  });

  test("by a power cut gives back at most ten minutes that had passed", async () => {
    const first = await startedBox();
    await joins(first, AMINA);
    await done(first.gateway.agree(AMINA.ipv4, "en"));
    for (let minute = 0; minute < 25; minute += 1) {
      await first.pass(MINUTE_MS);
      await first.pass(10);
    }
    const second = await startedBox({ folder: first.folder });
    const { secondsLeft } = await second.gateway.view(AMINA.ipv4);
    expect(secondsLeft).toBeLessThanOrEqual(86_400 - 20 * 60);
    expect(secondsLeft).toBeGreaterThanOrEqual(86_400 - 26 * 60);
  });

  test("finds the guests who had not agreed by their leases", async () => {
    const box = makeBox();
    box.backend.leased = [{ ...AMINA, endsAtS: 0 }];
    await box.gateway.start();
    expect(box.gateway.sessions.at(AMINA.ipv4)?.state).toBe("new");
  });

  test("leaves an address with the station that has its lease, not with one that had it before", async () => {
    const first = await startedBox();
    await joins(first, AMINA);
    await done(first.gateway.agree(AMINA.ipv4, "en"));
    await joins(first, { mac: BAHATI.mac, ipv4: AMINA.ipv4 });
    await done(first.gateway.agree(AMINA.ipv4, "en"));
    await done(first.gateway.stop());
    for (const { mac } of [AMINA, BAHATI]) {
      const second = makeBox({ folder: first.folder });
      second.backend.leased = [{ mac, ipv4: AMINA.ipv4, endsAtS: 0 }];
      await second.gateway.start();
      expect(second.gateway.sessions.at(AMINA.ipv4)?.mac).toBe(mac);
      await done(second.gateway.stop());
    }
  });

  test("on a medium that cannot be opened serves guests all the same, and says what is wrong", async () => {
    const folder = scratch();
    mkdirSync(join(folder, "sessions.sqlite"));
    const box = await startedBox({ folder });
    await joins(box, AMINA);
    expect(await done(box.gateway.agree(AMINA.ipv4, "en"))).toMatchObject({ state: "released" });
    expect(box.gateway.trouble()).toStartWith("agreements are not kept: ");
  });

  test("lets nobody through who had left", async () => {
    const first = await startedBox();
    await joins(first, AMINA);
    await done(first.gateway.agree(AMINA.ipv4, "en"));
    await done(first.gateway.leave(AMINA.ipv4));
    await done(first.gateway.stop());
    const second = await startedBox({ folder: first.folder });
    expect(second.backend.kernel.size).toBe(0);
  });

  test("that fails at first succeeds when it is tried again", async () => {
    const first = await startedBox();
    await joins(first, AMINA);
    await done(first.gateway.agree(AMINA.ipv4, "en"));
    await done(first.gateway.stop());
    const box = makeBox({ folder: first.folder });
    box.backend.startFails = 1;
    expect(box.gateway.start()).rejects.toThrow("not permitted");
    await settle();
    await done(box.gateway.stop());
    await box.gateway.start();
    expect(box.backend.kernel.has(AMINA.mac)).toBe(true);
  });

  test("leaves no timer behind when the gateway is stopped", async () => {
    const box = await startedBox();
    await done(box.gateway.stop());
    box.journal.close();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("whether a phone is told that it is online", () => {
  test.each([
    [true, true, false, true],
    [true, false, true, false],
    [false, true, false, false],
    [false, false, true, true],
  ])(
    "is the operator's choice: uplink %p, with_uplink %p, without_uplink %p → %p",
    async (up, withUp, without, told) => {
      const box = await startedBox({ config: { online: { with_uplink: withUp, without_uplink: without } } });
      box.backend.uplinkUsable = up;
      expect(box.gateway.toldOnline).toBe(told);
    },
  );
});

describe("the way to the internet", () => {
  test("that comes or goes is told to who listens, and journalled", async () => {
    const box = await startedBox();
    let told = 0;
    const end = box.gateway.onUplinkChange(() => {
      told += 1;
    });
    box.backend.events.uplink(true);
    box.backend.events.uplink(false);
    end();
    box.backend.events.uplink(true);
    await box.pass(10);
    expect(told).toBe(2);
    expect(kinds(box)).toEqual(["uplink-up", "uplink-down", "uplink-up"]);
  });

  test("is told also when the journal cannot be written, which is logged", async () => {
    const box = await startedBox();
    jest.spyOn(box.journal, "append").mockRejectedValue(new Error("disk full"));
    let told = 0;
    box.gateway.onUplinkChange(() => {
      told += 1;
    });
    box.backend.events.uplink(true);
    await box.pass(10);
    expect(told).toBe(1);
    expect(box.lines.some(({ level }) => level >= 40)).toBe(true);
  });
});

test("the gateway says in one line how many guests there are", async () => {
  const box = await startedBox();
  await joins(box, AMINA);
  await joins(box, BAHATI);
  await done(box.gateway.agree(AMINA.ipv4, "en"));
  expect(box.gateway.detail()).toBe("a network in memory; 2 guests, 1 let through");
});

test("the gateway tells of its network's trouble before its own", async () => {
  const box = await startedBox();
  await joins(box, AMINA);
  jest.spyOn(box.store, "save").mockRejectedValue(new Error("disk full"));
  await done(box.gateway.agree(AMINA.ipv4, "en"));
  box.backend.wrong = "dnsmasq ended (status 2)";
  expect(box.gateway.trouble()).toBe("dnsmasq ended (status 2)");
  box.backend.wrong = undefined;
  expect(box.gateway.trouble()).toBe("agreements are not kept: disk full");
});
