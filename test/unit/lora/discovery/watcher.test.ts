import { afterEach, describe, expect, test } from "bun:test";
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPty, type Pty } from "../../../../src/bench/pty.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { systemTimers, type Timers } from "../../../../src/host/timers.ts";
import { AdapterWatcher } from "../../../../src/lora/discovery/watcher.ts";
import type { LineInfo } from "../../../../src/lora/serial/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { until } from "../../portal/until.ts";
import { scratchFolders } from "../../scratch.ts";
import { usb } from "./lines.ts";

const scratch = scratchFolders();
const running: AdapterWatcher[] = [];
const ptys: Pty[] = [];

afterEach(() => {
  for (const watcher of running.splice(0)) watcher.stop();
  for (const pty of ptys.splice(0)) pty.hangUp();
});

/** A watcher over a folder that stands for `/dev`, and what it has told. */
function watching(more: { extraPaths?: string[]; timers?: Timers; deviceFolder?: string } = {}) {
  const folder = more.deviceFolder ?? scratch();
  const devices: LineInfo[] = [];
  const told: string[] = [];
  const captured = capturedLog();
  let failure: Error | undefined;
  const watcher = new AdapterWatcher({
    list: async () => {
      if (failure) throw failure;
      return [...devices];
    },
    timers: systemTimers,
    log: captured.log,
    deviceFolder: folder,
    pollMs: 60_000,
    ...more,
  });
  running.push(watcher);
  watcher.on("found", ({ key }) => told.push(`found ${key}`));
  watcher.on("lost", ({ key }) => told.push(`lost ${key}`));
  const plug = (name: string, serialNumber: string) => {
    const path = join(folder, name);
    devices.push(usb(path, "303a:1001", { serialNumber }));
    writeFileSync(path, "");
    return path;
  };
  const unplug = (path: string) => {
    devices.splice(
      devices.findIndex((device) => device.path === path),
      1,
    );
    rmSync(path);
  };
  const fail = (error: Error | undefined) => {
    failure = error;
  };
  return { watcher, devices, told, folder, plug, unplug, fail, lines: captured.lines };
}

describe("the watcher of adapters", () => {
  test("tells of what is there at the start", async () => {
    const { watcher, told, plug } = watching();
    plug("ttyACM0", "A9");
    await watcher.start();
    expect(told).toEqual(["found usb:303a:1001:A9"]);
    expect(watcher.adapters.map(({ key }) => key)).toEqual(["usb:303a:1001:A9"]);
  });

  test("sees one come and go by the folder alone, under its own key at another name", async () => {
    const { watcher, told, plug, unplug } = watching();
    await watcher.start();
    const path = plug("ttyACM0", "A9");
    await until(() => told.length === 1);
    unplug(path);
    await until(() => told.length === 2);
    plug("ttyACM3", "A9");
    await until(() => told.length === 3);
    expect(told).toEqual(["found usb:303a:1001:A9", "lost usb:303a:1001:A9", "found usb:303a:1001:A9"]);
    expect(watcher.adapters.map(({ device }) => device.path)).toEqual([expect.stringMatching(/ttyACM3$/)]);
  });

  test("sees a replug between two looks as another one", async () => {
    const { watcher, told, plug, unplug } = watching({ timers: new VirtualTime() });
    const path = plug("ttyUSB0", "A9");
    await watcher.start();
    unplug(path);
    // Takes the place in the file system that has come free.
    writeFileSync(join(path, "../other"), "");
    plug("ttyUSB0", "A9");
    await watcher.look();
    expect(told).toEqual(["found usb:303a:1001:A9", "lost usb:303a:1001:A9", "found usb:303a:1001:A9"]);
  });

  test("looks now and then, and says nothing when nothing has changed", async () => {
    const timers = new VirtualTime();
    const { watcher, told, plug } = watching({ timers });
    await watcher.start();
    plug("quiet", "A9");
    await timers.advanceAsync(59_000);
    expect(told).toEqual([]);
    await timers.advanceAsync(2_000);
    expect(told).toEqual(["found usb:303a:1001:A9"]);
    await timers.advanceAsync(600_000);
    expect(told).toHaveLength(1);
  });

  test("believes no list that has a device without its file", async () => {
    const { watcher, told, devices } = watching();
    devices.push(usb("/nowhere/ttyUSB0", "10c4:ea60"));
    await watcher.start();
    expect(told).toEqual([]);
  });

  test("keeps what it knows when the list fails, says so, and goes on", async () => {
    const { watcher, told, plug, fail, lines } = watching({ timers: new VirtualTime() });
    plug("ttyUSB0", "A9");
    await watcher.start();
    fail(new Error("no sysfs"));
    await watcher.look();
    expect(lines.map(({ msg }) => msg)).toContain("the serial lines cannot be listed");
    fail(undefined);
    plug("ttyUSB1", "B9");
    await watcher.look();
    expect(told).toEqual(["found usb:303a:1001:A9", "found usb:303a:1001:B9"]);
  });

  test("lists once more, and not twice at a time, when asked while it looks", async () => {
    const { watcher, told, plug } = watching({ timers: new VirtualTime() });
    await watcher.start();
    const looks = [watcher.look(), watcher.look()];
    plug("ttyUSB0", "A9");
    looks.push(watcher.look());
    await Promise.all(looks);
    expect(told).toEqual(["found usb:303a:1001:A9"]);
  });

  test("tells nothing any more once it is stopped, and all again when started again", async () => {
    const { watcher, told, plug } = watching();
    plug("ttyUSB0", "A9");
    await watcher.start();
    watcher.stop();
    plug("ttyUSB1", "B9");
    await watcher.look();
    expect(told).toHaveLength(1);
    await watcher.start();
    expect(told).toHaveLength(3);
  });

  test("goes on without a folder that can be watched", async () => {
    const { watcher, told, plug, lines } = watching({
      deviceFolder: join(scratch(), "missing"),
      timers: new VirtualTime(),
    });
    await watcher.start();
    expect(lines.some(({ msg }) => msg.includes("is not watched"))).toBe(true);
    expect(() => plug("ttyUSB0", "A9")).toThrow();
    await watcher.look();
    expect(told).toEqual([]);
  });
});

describe("a line that an operator names", () => {
  /** A folder that stands for `/dev/serial/by-id`, with a name in it that leads nowhere yet. */
  const naming = () => {
    const name = join(scratch(), "usb-Espressif_A9-if00");
    return { name, linkTo: (path: string) => symlinkSync(path, name) };
  };
  const seen = ({ watcher }: ReturnType<typeof watching>) =>
    watcher.adapters.map(({ key, isNamed }) => ({ key, isNamed }));

  test("by a link is one adapter, the listed one, and no other is taken for named", async () => {
    const { name, linkTo } = naming();
    const world = watching({ extraPaths: [name], timers: new VirtualTime() });
    linkTo(world.plug("ttyACM0", "A9"));
    world.plug("ttyACM1", "B9");
    await world.watcher.start();
    expect(world.told).toEqual(["found usb:303a:1001:A9", "found usb:303a:1001:B9"]);
    expect(seen(world)).toEqual([
      { key: "usb:303a:1001:A9", isNamed: true },
      { key: "usb:303a:1001:B9", isNamed: false },
    ]);
  });

  test("by the path that is listed is named, too", async () => {
    const folder = scratch();
    const world = watching({
      deviceFolder: folder,
      extraPaths: [join(folder, "ttyACM0")],
      timers: new VirtualTime(),
    });
    world.plug("ttyACM0", "A9");
    await world.watcher.start();
    expect(seen(world)).toEqual([{ key: "usb:303a:1001:A9", isNamed: true }]);
  });

  test("by two links that no list has is one adapter, by the first name", async () => {
    const folder = scratch();
    const pty = openPty();
    ptys.push(pty);
    const extraPaths = ["first", "second"].map((name) => join(folder, name));
    for (const link of extraPaths) symlinkSync(pty.path, link);
    const world = watching({ extraPaths, timers: new VirtualTime() });
    await world.watcher.start();
    expect(seen(world)).toEqual([{ key: `line:${extraPaths[0]}`, isNamed: true }]);
  });

  test("by a link to a device file is the listed one", async () => {
    const [pty, link] = [openPty(), join(scratch(), "case")];
    ptys.push(pty);
    symlinkSync(pty.path, link);
    const world = watching({ extraPaths: [link], timers: new VirtualTime() });
    world.devices.push(usb(pty.path, "10c4:ea60", { serialNumber: "5f3a9c" }));
    await world.watcher.start();
    expect(seen(world)).toEqual([{ key: "usb:10c4:ea60:5f3a9c", isNamed: true }]);
  });

  test("is told of once more when its link comes later, and stays named when the link goes first", async () => {
    const { name, linkTo } = naming();
    const world = watching({ extraPaths: [name], timers: new VirtualTime() });
    const path = world.plug("ttyACM0", "A9");
    await world.watcher.start();
    expect(seen(world)).toEqual([{ key: "usb:303a:1001:A9", isNamed: false }]);
    linkTo(path);
    await world.watcher.look();
    await world.watcher.look();
    rmSync(name);
    await world.watcher.look();
    expect(seen(world)).toEqual([{ key: "usb:303a:1001:A9", isNamed: true }]);
    expect(world.told).toEqual(["found usb:303a:1001:A9", "found usb:303a:1001:A9"]);
  });
});

describe("pseudo-terminals under a link", () => {
  test("are adapters that are lost and found with the link", async () => {
    const link = join(scratch(), "case");
    const { watcher, told } = watching({ extraPaths: [link] });
    await watcher.start();
    expect(told).toEqual([]);
    for (let round = 1; round <= 3; round++) {
      const pty = openPty({ link });
      ptys.push(pty);
      await until(() => told.length === 2 * round - 1);
      pty.hangUp();
      await until(() => told.length === 2 * round);
    }
    expect(told).toEqual(Array.from({ length: 3 }, () => [`found line:${link}`, `lost line:${link}`]).flat());
  });

  test("that are replaced at once are lost and found", async () => {
    const folder = scratch();
    const link = join(folder, "case");
    const { watcher, told } = watching({ extraPaths: [link] });
    const [first, second] = [openPty({ link }), openPty()];
    ptys.push(first, second);
    await watcher.start();
    symlinkSync(second.path, join(folder, "new"));
    renameSync(join(folder, "new"), link);
    await until(() => told.length === 3);
    expect(told).toEqual([`found line:${link}`, `lost line:${link}`, `found line:${link}`]);
  });

  test("are not taken for others while bytes go through them", async () => {
    const link = join(scratch(), "case");
    const pty = openPty({ link });
    ptys.push(pty);
    const { watcher, told } = watching({ extraPaths: [link], timers: new VirtualTime() });
    await watcher.start();
    for (let i = 0; i < 5; i++) {
      pty.write(new Uint8Array(1_000));
      await watcher.look();
    }
    expect(told).toEqual([`found line:${link}`]);
  });
});
