import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { createLog } from "../../../../src/host/log.ts";
import { type DemoNews, Demos } from "../../../../src/vm/demo/index.ts";
import { LibvirtTimeoutError } from "../../../../src/vm/libvirt/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const log = createLog({ level: "error", destination: { write: () => undefined } });
const servers: { stop(force: boolean): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

const IMAGE = {
  ...{ name: "small", version: "1", architecture: "amd64", digest: "0".repeat(64) },
  ...{ kernel: "/kernel", initrd: "/initrd", base: undefined, kernelCommandLine: "quiet" },
};
const SIZE = { columns: 80, rows: 24 };

/** A box whose libvirt opens a console as QEMU does. */
function box(machines = 2) {
  const time = new VirtualTime();
  const folder = scratch();
  const seen = {
    xml: [] as string[],
    destroyed: [] as string[],
    isDestroyable: true,
    isStartable: true,
    isMaking: false,
    /** libvirt does not answer in time; what it was asked for comes when it is let go. */
    late: undefined as (() => void) | undefined,
    isSlow: false,
    starts: Promise.resolve(),
    running: new Set<string>(),
    notes: [] as string[],
    room: { cpus: 4, memoryMiB: 4_096 },
  };
  let number = 0;
  const demos = new Demos({
    ground: {
      libvirt: {
        create: async (xml) => {
          if (!seen.isStartable) throw new Error("no");
          const [, name = ""] = /<name>([^<]+)/.exec(xml) ?? [];
          seen.isMaking = true;
          await seen.starts;
          if (seen.isSlow) {
            seen.late = () => void seen.running.add(name);
            throw new LibvirtTimeoutError("create", 30_000);
          }
          seen.running.add(name);
          seen.xml.push(xml);
          const [, path = ""] = /<serial[\s\S]*?path="([^"]+)"/.exec(xml) ?? [];
          mkdirSync(dirname(path), { recursive: true });
          servers.push(
            Bun.listen({
              unix: path,
              socket: { open: (socket) => void socket.write("/root # "), data() {} },
            }),
          );
          return { name: "", uuid: "", state: "running" };
        },
        suspend: async (name) => void seen.notes.push(`suspend ${name}`),
        resume: async (name) => void seen.notes.push(`resume ${name}`),
        destroy: async (name) => {
          if (!seen.isDestroyable) throw new Error("libvirt is away");
          seen.destroyed.push(name);
          return seen.running.delete(name);
        },
      },
      agentAt: () => ({
        hello: async () => ({ version: "1", uptimeMs: 1 }),
        refresh: async () => undefined,
        close: () => undefined,
      }),
      ...{ folder, architecture: "x64", accelerator: "emulation", partition: undefined, owner: undefined },
      isMemoryHeld: false,
      randomBytes: (count) => {
        number += 1;
        return new Uint8Array(count).fill(number);
      },
      wallMs: time.wallMs.bind(time),
      timers: time,
    },
    limits: { machines, cpus: 1, memoryMiB: 256, durationMs: 600_000 },
    image: () => IMAGE,
    free: () => seen.room,
    journal: {
      append: async (_, kind, __, detail) => void seen.notes.push(`${kind} ${detail?.why ?? ""}`.trim()),
    },
    ...{ timers: time, log },
  });
  const begin = async (station: string): Promise<string> => {
    const begun = await demos.begin(station, SIZE);
    if ("refused" in begun) throw new Error(begun.refused);
    return begun.id;
  };
  return { demos, seen, time, folder, begin };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(1);
}

/** A page that writes down what it is told. */
function page() {
  const told: string[] = [];
  const hear = (news: DemoNews) => {
    told.push(
      news.is === "out" ? Buffer.from(news.bytes).toString() : news.is === "ended" ? news.why : news.is,
    );
    return true;
  };
  return { told, hear };
}

describe("visitors' machines", () => {
  test("have a console of the page's size, and no network and no disk of any kind", async () => {
    const { demos, seen, begin } = box();
    const id = await begin("phone");
    const { told, hear } = page();
    expect(demos.listen(id, "phone", hear)).toBeDefined();
    await until(() => told.includes("/root # "));
    expect(told[0]).toBe("left");
    const [xml = ""] = seen.xml;
    expect(xml).toContain("quiet omerta.shell=80x24");
    expect(xml).not.toContain("<interface");
    expect(xml).not.toContain("<disk");
  });

  test("are one a station: a second page takes the first one's over", async () => {
    const { demos, seen, begin } = box();
    const id = await begin("phone");
    const [first, second] = [page(), page()];
    demos.listen(id, "phone", first.hear);
    expect(await begin("phone")).toBe(id);
    demos.listen(id, "phone", second.hear);
    expect(first.told.at(-1)).toBe("left");
    expect(seen.xml).toHaveLength(1);
  });

  test("are nobody else's", async () => {
    const { demos, begin } = box();
    const id = await begin("phone");
    expect(demos.listen(id, "other", page().hear)).toBeUndefined();
    expect(demos.type(id, "other", Buffer.from("x"))).toBe(false);
    demos.leave(id, "other");
    expect(demos.live()).toHaveLength(1);
  });

  test("are as many as the configuration says, and no more than the box has room for", async () => {
    const { demos, seen, begin } = box(2);
    await begin("a");
    await begin("b");
    expect(await demos.begin("c", SIZE)).toEqual({ refused: "full" });
    const poor = box();
    poor.seen.room = { cpus: 1, memoryMiB: 255 };
    expect(await poor.demos.begin("a", SIZE)).toEqual({ refused: "full" });
    expect(seen.xml).toHaveLength(2);
  });

  test("end with their time, and the page is told", async () => {
    const { demos, seen, time, begin } = box();
    const id = await begin("phone");
    const { told, hear } = page();
    demos.listen(id, "phone", hear);
    time.advance(599_999);
    expect(told).not.toContain("time");
    time.advance(1);
    expect(told.at(-1)).toBe("time");
    await until(() => demos.live().length === 0);
    expect(seen.destroyed).toEqual([`omvm-${id.slice(0, 10)}`]);
    expect(seen.notes).toEqual(["demo-started", "demo-ended time"]);
  });

  test("outlive a stream that was lost for some seconds, and not a page that was closed", async () => {
    const { demos, time, begin } = box();
    const id = await begin("phone");
    const end = demos.listen(id, "phone", page().hear);
    end?.();
    time.advance(9_000);
    const again = page();
    const close = demos.listen(id, "phone", again.hear);
    expect(again.told[0]).toBe("left");
    time.advance(60_000);
    expect(demos.live()).toHaveLength(1);
    close?.();
    time.advance(10_000);
    await until(() => demos.live().length === 0);
  });

  test("end where nobody came for them", async () => {
    const { demos, time, begin } = box();
    await begin("phone");
    time.advance(10_000);
    await until(() => demos.live().length === 0);
  });

  test("count until they are gone, however often that is tried", async () => {
    const { demos, seen, time, begin, folder } = box(1);
    const id = await begin("phone");
    seen.isDestroyable = false;
    demos.leave(id, "phone");
    await Bun.sleep(2);
    expect(demos.live().map(({ id }) => id)).toEqual([id]);
    expect(await demos.begin("next", SIZE)).toEqual({ refused: "full" });
    seen.isDestroyable = true;
    time.advance(5_000);
    await until(() => demos.live().length === 0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that are ended while they are made leave nothing", async () => {
    const { demos, seen, folder } = box();
    const held = Promise.withResolvers<void>();
    seen.starts = held.promise;
    const begun = demos.begin("phone", SIZE);
    await until(() => seen.isMaking);
    demos.displace(demos.live()[0]?.id ?? "");
    await Bun.sleep(2);
    // It counts until it is gone.
    expect(demos.live()).toHaveLength(1);
    held.resolve();
    expect(await begun).toEqual({ refused: "failed" });
    await until(() => demos.live().length === 0);
    expect([...seen.running]).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that are ended before they are made are not made", async () => {
    const { demos, seen, folder } = box();
    const begun = demos.begin("phone", SIZE);
    await demos.stop();
    expect(await begun).toEqual({ refused: "failed" });
    await until(() => demos.live().length === 0);
    expect(seen.xml).toEqual([]);
    expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
  });

  test("are waited for by their page as long as their start takes", async () => {
    const { demos, seen, time } = box();
    const held = Promise.withResolvers<void>();
    seen.starts = held.promise;
    const begun = demos.begin("phone", SIZE);
    await until(() => seen.isMaking);
    time.advance(30_000);
    held.resolve();
    expect(await begun).toHaveProperty("id");
    time.advance(9_000);
    expect(demos.live()).toHaveLength(1);
    time.advance(1_000);
    await until(() => demos.live().length === 0);
  });

  test("are not begun by one station again and again: each is a start, and two lines of the journal", async () => {
    const { demos, seen, time, begin } = box(8);
    for (let round = 0; round < 3; round += 1) {
      demos.leave(await begin("phone"), "phone");
      await until(() => demos.live().length === 0);
      time.advance(1_000);
    }
    expect(await demos.begin("phone", SIZE)).toEqual({ refused: "full" });
    expect(seen.xml).toHaveLength(3);
    await begin("another");
    time.advance(20_000);
    await begin("phone");
  });

  test("that do not start leave nothing", async () => {
    const { demos, seen, folder } = box();
    seen.isStartable = false;
    expect(await demos.begin("phone", SIZE)).toEqual({ refused: "failed" });
    await until(() => demos.live().length === 0);
    expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
  });

  test("that libvirt makes after it was waited for in vain are looked for until they have come, and ended", async () => {
    const { demos, seen, folder, time } = box();
    seen.isSlow = true;
    expect(await demos.begin("phone", SIZE)).toEqual({ refused: "failed" });
    const [{ id = "" } = {}] = demos.live();
    const looked = () => seen.destroyed.length;
    for (let look = 1; look <= 3; look += 1) {
      await until(() => looked() === look);
      // The look is over when it has asked for the next one.
      await Bun.sleep(0);
      expect(demos.live().map((one) => one.id)).toEqual([id]);
      if (look < 3) time.advance(5_000);
    }
    seen.late?.();
    expect(seen.running.size).toBe(1);
    time.advance(5_000);
    await until(() => demos.live().length === 0);
    expect(seen.running.size).toBe(0);
    expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
  });

  test("that do not come after all are not looked for for ever", async () => {
    const { demos, seen, time } = box();
    seen.isSlow = true;
    await demos.begin("phone", SIZE);
    for (let look = 1; demos.live().length > 0; look += 1) {
      expect(look).toBeLessThanOrEqual(13);
      await until(() => seen.destroyed.length >= look || demos.live().length === 0);
      await Bun.sleep(0);
      time.advance(5_000);
    }
    expect(seen.destroyed.length).toBe(13);
  });

  test("all end when the box stops, and none begins then", async () => {
    const { demos, begin } = box();
    const { told, hear } = page();
    demos.listen(await begin("a"), "a", hear);
    await begin("b");
    await demos.stop();
    expect(told.at(-1)).toBe("host");
    expect(demos.live()).toEqual([]);
    expect(await demos.begin("c", SIZE)).toEqual({ refused: "none" });
  });

  test("rest while the box needs its processors, and end when it needs its memory", async () => {
    const { demos, seen, begin } = box();
    const { told, hear } = page();
    const id = await begin("phone");
    demos.listen(id, "phone", hear);
    await demos.suspend(id);
    await demos.resume(id);
    const name = `omvm-${id.slice(0, 10)}`;
    expect(seen.notes.slice(1)).toEqual([`suspend ${name}`, `resume ${name}`]);
    demos.displace(id);
    expect(told.at(-1)).toBe("host");
  });

  test("are over when their machine is", async () => {
    const { demos, begin } = box();
    const { told, hear } = page();
    demos.listen(await begin("phone"), "phone", hear);
    for (const server of servers.splice(0)) server.stop(true);
    await until(() => told.at(-1) === "machine");
  });
});
