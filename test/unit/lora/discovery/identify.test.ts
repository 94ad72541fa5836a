import { afterEach, describe, expect, test } from "bun:test";
import { Air } from "../../../../src/bench/air/air.ts";
import { RNodeFirmware } from "../../../../src/bench/firmware/rnode.ts";
import { type PluggedIn, pluggedIn } from "../../../../src/bench/pty.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { identify } from "../../../../src/lora/discovery/index.ts";
import type { DriverContext, RadioDriver } from "../../../../src/lora/driver.ts";
import type { FirmwareName } from "../../../../src/lora/drivers.ts";
import { type Port, PortError } from "../../../../src/lora/port.ts";
import { capturedLog } from "../../captured-log.ts";
import { MemoryPort } from "../compliance/memory-port.ts";
import { FasterTimers } from "../compliance/world.ts";

interface FakeDriver {
  firmware: FirmwareName;
  baudRates: number[];
  settleMs?: number;
  probe: (port: Port) => Promise<boolean>;
}

/** Drivers that only probe, on lines in memory; what happens, with when. */
function identifying(fakes: FakeDriver[], limitMs?: number, refused: Record<number, string> = {}) {
  const timers = new VirtualTime();
  const { log } = capturedLog();
  const context: DriverContext = { timers, random: Math.random, log };
  const events: string[] = [];
  const note = (what: string) => events.push(`${timers.monotonicMs()} ${what}`);
  const ports: MemoryPort[] = [];
  const drivers = fakes.map(
    ({ firmware, baudRates, settleMs = 0, probe }): RadioDriver => ({
      firmware,
      baudRates,
      settleMs,
      probe: (port) => {
        note(`probe ${firmware}`);
        return probe(port);
      },
      create: () => {
        throw new Error("not asked for");
      },
    }),
  );
  const found = identify({
    path: "/dev/ttyUSB0",
    firmware: fakes.map(({ firmware }) => firmware),
    context,
    ...(limitMs === undefined ? {} : { limitMs }),
    open: async (path, baudRate) => {
      note(`open ${baudRate}`);
      const why = refused[baudRate];
      if (why !== undefined) throw new PortError(path, why);
      const port = new MemoryPort(path, timers);
      port.on("closed", () => note("closed"));
      ports.push(port);
      return port;
    },
    driver: async (firmware) => {
      const driver = drivers.find((one) => one.firmware === firmware);
      if (!driver) throw new Error(firmware);
      return driver;
    },
  });
  const settled = async () => {
    let done = false;
    const settle = () => {
      done = true;
    };
    found.then(settle, settle);
    await timers.runUntilAsync(() => done, 600_000);
    return found;
  };
  return { timers, context, events, ports, settled };
}

const yes = async () => true;
const no = async () => false;
const never = () => new Promise<boolean>(() => {});

describe("which firmware is behind a line", () => {
  test("is asked in order, the line opened once for each speed and each given its time to start", async () => {
    const { events, settled } = identifying([
      { firmware: "meshtastic", baudRates: [115_200], settleMs: 100, probe: no },
      { firmware: "e22", baudRates: [9_600], probe: no },
      { firmware: "rnode", baudRates: [115_200, 9_600], settleMs: 2_000, probe: no },
      { firmware: "rylr998", baudRates: [115_200], settleMs: 500, probe: no },
    ]);
    expect(await settled()).toBeUndefined();
    expect(events).toEqual([
      "0 open 115200",
      "100 probe meshtastic",
      "2000 probe rnode",
      "2000 probe rylr998",
      "2000 closed",
      "2000 open 9600",
      "2000 probe e22",
      "4000 probe rnode",
      "4000 closed",
    ]);
  });

  test("is known by the first that answers, and its line stays open with nobody listening", async () => {
    const { events, settled, ports } = identifying([
      { firmware: "meshtastic", baudRates: [115_200], probe: no },
      { firmware: "rnode", baudRates: [115_200], probe: yes },
      { firmware: "e22", baudRates: [9_600], probe: yes },
    ]);
    const found = await settled();
    expect(found).toMatchObject({ driver: { firmware: "rnode" }, baudRate: 115_200 });
    expect(found?.port).toBe(ports[0] as Port);
    expect(ports[0]?.listenerCount("data")).toBe(0);
    expect(events).not.toContain("0 closed");
  });

  test("is not hidden by a probe that fails", async () => {
    const { settled } = identifying([
      { firmware: "meshtastic", baudRates: [115_200], probe: () => Promise.reject(new Error("broken")) },
      { firmware: "rnode", baudRates: [115_200], probe: yes },
    ]);
    expect((await settled())?.driver.firmware).toBe("rnode");
  });

  test("is given up at the limit, also in the middle of a probe, with the line closed", async () => {
    const { timers, events, settled } = identifying(
      [
        { firmware: "meshtastic", baudRates: [115_200], probe: never },
        { firmware: "rnode", baudRates: [115_200], probe: yes },
      ],
      30_000,
    );
    expect(await settled()).toBeUndefined();
    expect(timers.monotonicMs()).toBe(30_000);
    expect(events).toEqual(["0 open 115200", "0 probe meshtastic", "30000 closed"]);
  });

  test("is asked no more once the line is gone", async () => {
    const { timers, ports, events, settled } = identifying([
      { firmware: "meshtastic", baudRates: [115_200], probe: never },
      { firmware: "rnode", baudRates: [115_200], probe: yes },
    ]);
    timers.after(1_000, () => ports[0]?.unplug());
    expect(await settled()).toBeUndefined();
    expect(events).toEqual(["0 open 115200", "0 probe meshtastic", "1000 closed"]);
  });
});

describe("a speed that the line cannot do", () => {
  const cannot = "baudRate: this line cannot do 57600; the nearest is 115200";
  const fakes: FakeDriver[] = [
    { firmware: "rylr998", baudRates: [57_600], probe: yes },
    { firmware: "e22", baudRates: [9_600], probe: yes },
  ];

  test("is passed over, and the next is tried", async () => {
    const { events, settled } = identifying(fakes, undefined, { 57600: cannot });
    expect((await settled())?.driver.firmware).toBe("e22");
    expect(events).toEqual(["0 open 57600", "0 open 9600", "0 probe e22"]);
  });

  test("is no reason to fail when nothing answers at the others", async () => {
    const quiet = fakes.map((fake) => ({ ...fake, probe: no }));
    expect(await identifying(quiet, undefined, { 9600: cannot }).settled()).toBeUndefined();
  });

  test("is told when the line can do none of them", async () => {
    const { settled } = identifying(fakes, undefined, { 57600: cannot, 9600: cannot });
    await expect(settled()).rejects.toThrow("/dev/ttyUSB0: baudRate: this line cannot do");
  });

  test("is all that is passed over: a line that cannot be opened is told at once", async () => {
    const { events, settled } = identifying(fakes, undefined, { 57600: "in use by another program" });
    await expect(settled()).rejects.toThrow("in use by another program");
    expect(events).toEqual(["0 open 57600"]);
  });
});

describe("over a pseudo-terminal", () => {
  const plugged: Pick<PluggedIn<RNodeFirmware>, "unplug">[] = [];
  afterEach(() => {
    for (const one of plugged.splice(0)) one.unplug();
  });

  test("a speed that no line has is passed over as the serial port reports it", async () => {
    const timers = new FasterTimers(10);
    const emulated = pluggedIn(() => ({ receive: () => {}, stop: () => {} }));
    plugged.push(emulated);
    const driver = (firmware: FirmwareName): RadioDriver => ({
      firmware,
      baudRates: firmware === "e22" ? [2 ** 32] : [9_600],
      settleMs: 0,
      probe: async () => firmware !== "e22",
      create: () => {
        throw new Error("not asked for");
      },
    });
    const found = await identify({
      path: emulated.path,
      firmware: ["e22", "rylr998"],
      context: { timers, random: seededRandom(1), log: capturedLog().log },
      driver: async (firmware) => driver(firmware),
    });
    expect(found).toMatchObject({ driver: { firmware: "rylr998" }, baudRate: 9_600 });
    await found?.port.close();
  });

  test("an RNode that starts just now is found, and the line serves its radio", async () => {
    const timers = new FasterTimers(10);
    const random = seededRandom(1);
    const air = new Air({ timers, seed: 1 });
    const modem = air.modem({ name: "case", position: { x: 0, y: 0 } });
    const emulated = pluggedIn((toHost) => new RNodeFirmware({ modem, timers, random, toHost }));
    plugged.push(emulated);
    const context = { timers, random, log: capturedLog().log };
    const found = await identify({ path: emulated.path, firmware: ["meshcore", "rnode"], context });
    if (!found) throw new Error("nothing found");
    expect(found.driver.firmware).toBe("rnode");
    const radio = found.driver.create(found.port, context);
    await radio.open();
    expect(radio.status().firmware).toBe("RNode 1.86");
    await radio.close();
  });
});
