import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { mountsBeneath, Sticks } from "../../../../src/messages/sync/sticks.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";

const line = (id: number, path: string) =>
  `${id} 25 8:17 / ${path} rw,nosuid,nodev,relatime shared:303 - vfat /dev/sdb1 rw,fmask=0022`;

const scratch = scratchFolders();

describe("what is mounted beneath a folder", () => {
  test("is read with the spaces in its name, and without what stands beside it", () => {
    const table = [
      line(1, "/media/A\\040stick"),
      line(2, "/mediathek/b"),
      line(3, "/media"),
      line(4, "/"),
      "",
    ];
    const found = mountsBeneath(table.join("\n"), "/media/");
    expect(found).toEqual([{ id: "1", path: "/media/A stick" }]);
  });

  test("is nothing where the table makes no sense", () => {
    for (const text of ["", "\n\n", "x", "1 2 3"]) expect(mountsBeneath(text, "/media")).toEqual([]);
  });
});

describe("a stick", () => {
  function stand() {
    const time = new VirtualTime();
    const folder = scratch();
    let looks = 0;
    const exchanged: string[] = [];
    const mounted = new Map<number, string>();
    const { log, lines } = capturedLog();
    const sticks = new Sticks({
      beneath: folder,
      exchange: async (_, label) => {
        exchanged.push(label);
        if (label === "broken") throw new Error("input/output error");
      },
      timers: time,
      log,
      mountinfo: async () => {
        looks += 1;
        return [...mounted].map(([id, path]) => line(id, path)).join("\n");
      },
    });
    const plug = (id: number, name: string, withFolder = true) => {
      mkdirSync(join(folder, name, ...(withFolder ? ["omerta-messages"] : [])), { recursive: true });
      mounted.set(id, join(folder, name));
    };
    sticks.start();
    // A round begins when the one before is over.
    const look = async () => {
      for (const until = looks + 2; looks < until; ) await time.advanceAsync(3_100);
    };
    return { sticks, exchanged, mounted, plug, look, lines };
  }

  test("with the folder is dealt with once each time that it comes, and one without is left alone", async () => {
    const { sticks, exchanged, mounted, plug, look } = stand();
    plug(1, "one");
    plug(2, "photos", false);
    await look();
    await look();
    expect(exchanged).toEqual(["one"]);
    mounted.delete(1);
    await look();
    plug(1, "one");
    await look();
    expect(exchanged).toEqual(["one", "one"]);
    await sticks.stop();
  });

  test("that breaks is said, and the next one is dealt with", async () => {
    const { sticks, exchanged, plug, look, lines } = stand();
    plug(1, "broken");
    plug(2, "good");
    await look();
    expect(exchanged).toEqual(["broken", "good"]);
    expect(JSON.stringify(lines)).toContain("input/output error");
    await sticks.stop();
  });
});
