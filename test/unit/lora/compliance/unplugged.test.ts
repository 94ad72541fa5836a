import { describe, expect, test } from "bun:test";
import type { Firmware } from "../../../../src/bench/firmware.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";
import { RadioError } from "../../../../src/lora/radio.ts";
import { e22, meshcore, meshtastic, rnode, rylr998, type Subject } from "./subjects.ts";
import { MemoryWorld, type Station } from "./world.ts";

/** Spread over all that happens while something is under way. */
const MOMENTS = 40;
/** More than anything takes that a driver does once. */
const LONG_MS = 180_000;

const CHANNEL: ChannelSettings = {
  frequencyHz: 869_525_000,
  modulation: PRESETS.MediumFast,
  powerDbm: 10,
};
/** An E22 has no others. */
const E22_CHANNEL: ChannelSettings = {
  frequencyHz: 868_125_000,
  modulation: { ...PRESETS.ShortTurbo, spreadingFactor: 8 },
  powerDbm: 10,
};

const WAYS: Readonly<Record<string, (station: Station) => void>> = {
  unplugged: (station) => station.unplug(),
  closed: ({ radio, firmware }) => {
    void radio.close();
    firmware?.stop();
  },
};

type Act = (station: Station) => Promise<void>;

interface Started {
  world: MemoryWorld;
  station: Station;
  acting: Promise<unknown>;
  isOver: () => boolean;
}

/** A station of its own world, with what is to be broken off just begun. */
async function start<F extends Firmware>(
  { setup }: Subject<F>,
  act: Act,
  isOpenBefore: boolean,
): Promise<Started> {
  const world = new MemoryWorld();
  const station = await world.station(await setup());
  if (isOpenBefore) await world.settled(station.radio.open(), LONG_MS);
  let isOver = false;
  const acting = act(station)
    .then(() => undefined)
    .catch((error: unknown) => error)
    .finally(() => {
      isOver = true;
    });
  return { world, station, acting, isOver: () => isOver };
}

/** How many tasks run until it is over. */
async function tasksOf({ world, isOver }: Started): Promise<number> {
  let tasks = 0;
  const isDone = () => {
    if (!isOver()) tasks += 1;
    return isOver();
  };
  expect(await world.timers.runUntilAsync(isDone, LONG_MS)).toBe(true);
  return tasks;
}

async function breakOff(
  started: Started,
  afterTasks: number,
  end: (station: Station) => void,
): Promise<unknown> {
  const { world, station, acting, isOver } = started;
  const { timers } = world;
  let tasks = 0;
  await timers.runUntilAsync(() => tasks++ >= afterTasks, LONG_MS);
  end(station);
  expect(await timers.runUntilAsync(isOver, LONG_MS)).toBe(true);
  const outcome = await acting;
  await timers.advanceAsync(LONG_MS);
  const late: string[] = [];
  station.radio.send({ payload: Uint8Array.of(1), priority: "direct" }, (fate) =>
    late.push(fate.state === "failed" ? fate.reason : fate.state),
  );
  await timers.advanceAsync(1_000);
  expect(late).toEqual(["radio-gone"]);
  expect(timers.waiting).toBe(0);
  return outcome;
}

async function setBehindPacket({ radio }: Station, channel: ChannelSettings): Promise<void> {
  radio.send({ payload: new Uint8Array(40), priority: "direct" }, () => {});
  await radio.setChannel(channel);
}

function unplugging<F extends Firmware>(
  name: string,
  subject: Subject<F>,
  channel: ChannelSettings = CHANNEL,
): void {
  describe(name, () => {
    const acts: readonly [what: string, act: Act, isOpenBefore: boolean][] = [
      ["open", ({ radio }) => radio.open(), false],
      ["setChannel", ({ radio }) => radio.setChannel(channel), true],
      ["setChannel behind a packet", (station) => setBehindPacket(station, channel), true],
    ];
    for (const [what, act, isOpenBefore] of acts) {
      for (const [how, end] of Object.entries(WAYS)) {
        test(`settles and leaves no timer when it is ${how} at any moment of ${what}`, async () => {
          const whole = await start(subject, act, isOpenBefore);
          const tasks = await tasksOf(whole);
          expect(await whole.acting).toBeUndefined();
          for (let moment = 0; moment < MOMENTS; moment++) {
            const afterTasks = Math.floor((moment * tasks) / MOMENTS);
            const started = await start(subject, act, isOpenBefore);
            const outcome = await breakOff(started, afterTasks, end);
            expect(outcome).toBeInstanceOf(RadioError);
            expect(outcome).toMatchObject({ reason: "radio-gone" });
            expect(started.station.closed).toHaveLength(isOpenBefore ? 1 : 0);
          }
        });
      }
    }
  });
}

unplugging("Meshtastic", meshtastic);
unplugging("MeshCore", meshcore);
unplugging("RNode", rnode);
unplugging("RYLR998", rylr998);
unplugging("E22", e22, E22_CHANNEL);
