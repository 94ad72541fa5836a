import { describe, expect, test } from "bun:test";
import { Air } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import type { Firmware } from "../../../../src/bench/firmware.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { identify } from "../../../../src/lora/discovery/index.ts";
import type { DriverContext } from "../../../../src/lora/driver.ts";
import { driverOf, FIRMWARE_NAMES, type FirmwareName } from "../../../../src/lora/drivers.ts";
import { capturedLog } from "../../captured-log.ts";
import { Fates } from "../compliance/fates.ts";
import { MemoryPort } from "../compliance/memory-port.ts";
import { e22, meshcore, meshtastic, rnode, rylr998 } from "../compliance/subjects.ts";
import type { Board } from "../compliance/world.ts";

/** Far more than it may take; what it takes is looked at. */
const LIMIT_MS = 120_000;

interface Plugged {
  baudRate: number;
  setup: () => Promise<{ powerOn: (board: Board) => Firmware }>;
}

/** A case whose line is opened again and again, at speeds right and wrong. */
async function plugged({ setup, baudRate }: Plugged) {
  // Loading takes time of the wall's clock.
  await Promise.all(FIRMWARE_NAMES.map(driverOf));
  const timers = new VirtualTime();
  const air = new Air({ timers, seed: 1, pathLoss: FREE_SPACE });
  const random = seededRandom(3);
  const context: DriverContext = { timers, random, log: capturedLog().log };
  const { powerOn } = await setup();
  let port: MemoryPort | undefined;
  let speed = baudRate;
  // At the wrong speed each end takes what the other says for something else.
  const onLine = (bytes: Uint8Array) =>
    speed === baudRate ? bytes : bytes.map(() => Math.floor(random() * 256));
  const modem = air.modem({ name: "case", position: { x: 0, y: 0 } });
  const toHost = (bytes: Uint8Array) => port?.fromFirmware(onLine(bytes));
  const firmware = powerOn({ modem, timers, random, number: 0, toHost });
  const open = async (path: string, at: number) => {
    port = new MemoryPort(path, timers);
    port.firmware = { receive: (bytes) => firmware.receive(onLine(bytes)) };
    speed = at;
    return port;
  };
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let done = false;
    const settle = () => {
      done = true;
    };
    promise.then(settle, settle);
    if (!(await timers.runUntilAsync(() => done, LIMIT_MS))) throw new Error("it does not end");
    return promise;
  };
  return { timers, context, open, settled };
}

const subjects: readonly [FirmwareName, Plugged][] = [
  ["meshtastic", meshtastic],
  ["meshcore", meshcore],
  ["rnode", rnode],
  ["rylr998", rylr998],
  ["e22", e22],
];

describe.each(subjects)("a case with %s firmware", (name, subject) => {
  test.each([
    ["in the usual order", FIRMWARE_NAMES],
    ["in the opposite order", FIRMWARE_NAMES.toReversed()],
    ["after all others", [...FIRMWARE_NAMES.filter((other) => other !== name), name]],
  ])(
    "is found when it is looked for %s, and works although others were asked for first",
    async (_, order) => {
      const { timers, context, open, settled } = await plugged(subject);
      const found = await settled(identify({ path: "/dev/ttyUSB0", firmware: order, context, open }));
      expect(found?.driver.firmware).toBe(name);
      expect(timers.monotonicMs()).toBeLessThan(45_000);
      if (!found) throw new Error("not found");
      const radio = found.driver.create(found.port, context);
      await settled(radio.open());
      const fates = Fates.of(radio, { payload: Uint8Array.of(1, 2, 3), priority: "direct" });
      await timers.runUntilAsync(() => fates.final !== undefined, LIMIT_MS);
      expect(fates.states).toEqual(["queued", "on-air"]);
      await settled(radio.close());
    },
  );

  test("is not found by another's probe", async () => {
    for (const other of FIRMWARE_NAMES.filter((one) => one !== name)) {
      const { context, open, settled } = await plugged(subject);
      const found = await settled(identify({ path: "/dev/ttyUSB0", firmware: [other], context, open }));
      expect(found?.driver.firmware).toBeUndefined();
    }
  });
});
