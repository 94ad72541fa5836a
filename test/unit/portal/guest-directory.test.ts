import { describe, expect, test } from "bun:test";
import { DeskError } from "../../../src/portal/desk-client.ts";
import { FACTS } from "./facts.ts";
import { directoryOf, FakeDesk, followingDirectory, NEW, RELEASED, settle } from "./fake-desk.ts";

const ADDRESS = "10.20.0.16";

async function following() {
  const time = { nowMs: 0 };
  const desk = new FakeDesk();
  const directory = await followingDirectory(desk, FACTS, () => time.nowMs);
  return { desk, directory, time };
}

const asked = (desk: FakeDesk) => desk.calls.filter((call) => call.startsWith("view")).length;

describe("what an address asks for is counted", () => {
  const PRIVACY = ["fd00::1", "fd00::2", "fe80::3"];

  test("by its device, of which the daemon is asked once a minute at most", async () => {
    const { desk, directory, time } = await following();
    for (const address of PRIVACY) desk.guests.set(address, { ...NEW, station: "02:00:00:00:00:07" });
    for (let second = 0; second < 60; second += 1) {
      for (const address of PRIVACY) expect(await directory.deviceAt(address)).toBe("02:00:00:00:00:07");
      time.nowMs += 1_000;
    }
    expect(asked(desk)).toBe(PRIVACY.length);
    desk.guests.set("fd00::1", { ...NEW, station: "02:00:00:00:00:08" });
    expect(await directory.deviceAt("fd00::1")).toBe("02:00:00:00:00:08");
  });

  test("without a question where a page was shown to the guest", async () => {
    const { desk, directory } = await following();
    desk.guests.set(ADDRESS, { ...NEW, station: "02:00:00:00:00:07" });
    await directory.at(ADDRESS);
    expect(await directory.deviceAt(ADDRESS)).toBe("02:00:00:00:00:07");
    expect(asked(desk)).toBe(1);
  });

  test("by its network of 64 bits, or its IPv4 address, where nobody knows the device", async () => {
    const { desk, directory } = await following();
    desk.fault = new DeskError("unknown-station");
    expect(await directory.deviceAt("fd00::1")).toBe("fd00:0:0:0::/64");
    expect(await directory.deviceAt(ADDRESS)).toBe(ADDRESS);
  });

  test("by its network while many others are being asked for, and asks the daemon for few at a time", async () => {
    const { desk, directory } = await following();
    let answer = () => {};
    const isAnswered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let questions = 0;
    desk.view = async () => {
      questions += 1;
      await isAnswered;
      return { ...NEW, station: "02:00:00:00:00:07" };
    };
    const devices = Array.from({ length: 500 }, (_, n) => directory.deviceAt(`fd00::1:${n.toString(16)}`));
    expect(await devices.at(-1)).toBe("fd00:0:0:0::/64");
    expect(questions).toBe(32);
    answer();
    expect(await devices[0]).toBe("02:00:00:00:00:07");
  });
});

describe("the directory of guests", () => {
  test("knows the box as soon as the daemon has told of it, and nothing before", async () => {
    expect(directoryOf(new FakeDesk()).facts).toBeUndefined();
    const { directory } = await following();
    expect(directory.facts).toEqual(FACTS);
  });

  test("asks for a guest once, and remembers the answer while the daemon tells of changes", async () => {
    const { desk, directory } = await following();
    expect(await directory.at(ADDRESS)).toEqual(NEW);
    expect(await directory.at(ADDRESS)).toEqual(NEW);
    expect(directory.remembered(ADDRESS)).toEqual(NEW);
    expect(asked(desk)).toBe(1);
  });

  test("asks again once the daemon says that the guest has changed", async () => {
    const { desk, directory } = await following();
    await directory.at(ADDRESS);
    desk.guests.set(ADDRESS, RELEASED);
    await desk.tell({ kind: "guest", address: ADDRESS });
    expect(directory.remembered(ADDRESS)).toBeUndefined();
    expect(await directory.at(ADDRESS)).toEqual(RELEASED);
  });

  test("does not ask again because another guest has changed, or because the daemon is alive", async () => {
    const { desk, directory } = await following();
    await directory.at(ADDRESS);
    await desk.tell({ kind: "guest", address: "10.20.0.17" });
    await desk.tell({ kind: "alive" });
    await directory.at(ADDRESS);
    expect(asked(desk)).toBe(1);
  });

  test("does not keep an answer that a change has overtaken", async () => {
    const { desk, directory } = await following();
    let answer = (_: typeof NEW) => {};
    desk.view = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const slow = directory.at(ADDRESS);
    await desk.tell({ kind: "guest", address: ADDRESS });
    answer(NEW);
    await slow;
    expect(directory.remembered(ADDRESS)).toBeUndefined();
  });

  test("does not let a slow answer take the place of a newer one", async () => {
    const { desk, directory } = await following();
    let answer = (_: typeof NEW) => {};
    desk.view = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const slow = directory.at(ADDRESS);
    await desk.tell({ kind: "guest", address: ADDRESS });
    directory.remember(ADDRESS, await desk.agree(ADDRESS, "en"));
    answer(NEW);
    await slow;
    expect(directory.remembered(ADDRESS)).toEqual(RELEASED);
  });

  test("uses nothing that it remembers while it does not hear the daemon", async () => {
    const { desk, directory } = await following();
    await directory.at(ADDRESS);
    await desk.hangUp();
    expect(directory.remembered(ADDRESS)).toBeUndefined();
    await directory.at(ADDRESS);
    await directory.at(ADDRESS);
    expect(asked(desk)).toBe(3);
  });

  test("says so when the daemon is away", async () => {
    const { desk, directory } = await following();
    await desk.hangUp();
    desk.fault = new DeskError("unreachable");
    expect(directory.at(ADDRESS)).rejects.toThrow("unreachable");
  });

  test("keeps what it knows of the box while the daemon is away, for the pages", async () => {
    const { desk, directory } = await following();
    await desk.hangUp();
    expect(directory.facts).toEqual(FACTS);
  });

  test("forgets its guests when the state of the box has changed, and counts that", async () => {
    const { desk, directory } = await following();
    await directory.at(ADDRESS);
    const { version } = directory;
    await desk.tell({ kind: "facts", facts: { ...FACTS, internet: true } });
    expect(directory.version).toBe(version + 1);
    expect(directory.remembered(ADDRESS)).toBeUndefined();
    expect(directory.facts?.internet).toBe(true);
  });

  test("counts down the time that is left, and never below nothing", async () => {
    const { desk, directory, time } = await following();
    desk.guests.set(ADDRESS, { ...RELEASED, secondsLeft: 100 });
    await directory.at(ADDRESS);
    time.nowMs = 30_500;
    expect(directory.remembered(ADDRESS)?.secondsLeft).toBe(70);
    time.nowMs = 500_000;
    expect(directory.remembered(ADDRESS)?.secondsLeft).toBe(0);
  });

  test("asks soon again for a guest by IPv6, whose changes are told by its IPv4 address", async () => {
    const { desk, directory, time } = await following();
    await directory.at("fd00::5");
    time.nowMs = 999;
    expect(directory.remembered("fd00::5")).toEqual(NEW);
    time.nowMs = 1_000;
    expect(directory.remembered("fd00::5")).toBeUndefined();
    await directory.at("fd00::5");
    expect(asked(desk)).toBe(2);
  });

  test("does not grow without end", async () => {
    const { directory } = await following();
    for (let index = 0; index < 40_000; index += 1) directory.remember(`fd00::${index.toString(16)}`, NEW);
    let kept = 0;
    for (let index = 0; index < 40_000; index += 1) {
      if (directory.remembered(`fd00::${index.toString(16)}`)) kept += 1;
    }
    expect(kept).toBeLessThanOrEqual(16_384);
  });

  test("remembers nothing of a guest about whom the daemon could not answer", async () => {
    const { desk, directory } = await following();
    desk.fault = new DeskError("unknown-station");
    await directory.at(ADDRESS).catch(() => undefined);
    await settle();
    expect(directory.remembered(ADDRESS)).toBeUndefined();
  });

  test("passes on that what is public has changed, or may have while the daemon was away", async () => {
    const { desk, directory } = await following();
    let told = 0;
    const end = directory.onPublicChange(() => {
      told += 1;
    });
    await desk.tell({ kind: "public" });
    expect(told).toBe(1);
    await desk.tell({ kind: "facts", facts: FACTS });
    expect(told).toBe(2);
    end();
    await desk.tell({ kind: "public" });
    expect(told).toBe(2);
  });
});
