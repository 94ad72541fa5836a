import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import { run } from "../../src/host/run.ts";
import { acknowledgedIn, reader, runIn, writer } from "./acknowledged.ts";
import { stickWith } from "./image-variant.ts";
import { SlotsMachine } from "./slots-machine.ts";
import {
  describeUpdates,
  freshFolder,
  removeUpdateImages,
  type UpdateImages,
  updateImages,
} from "./update-images.ts";

const FOLDER = "/tmp/omb-image-cuts";
const BUILD_MS = 1_800_000;
const BOOT_MS = 900_000;
const HOURS_MS = 24 * 3_600_000;
/** How often the power is cut while an update is on its way, and while the box only writes. */
const UPDATE_CUTS = Number(process.env.OMERTA_UPDATE_CUTS ?? 2);
const WRITE_CUTS = Number(process.env.OMERTA_WRITE_CUTS ?? 2);
const SEED = Number(process.env.OMERTA_CUTS_SEED ?? 20_261_129);

interface Round {
  what: "update" | "writing";
  /** Seconds from when the box answered, or from when it was turned on. */
  cutAfterS: number;
  from: "answer" | "power";
  /** What the box said last of its update, and what runs after the cut. */
  stage: string;
  next: string;
  upAfterS: number;
  acknowledged: number;
}

describeUpdates("a box whose power is cut", () => {
  let images: UpdateImages;
  let machine: SlotsMachine;
  const random = seededRandom(SEED);
  const rounds: Round[] = [];

  beforeAll(async () => {
    freshFolder(FOLDER);
    images = await updateImages(join(FOLDER, "images"));
    await stickWith(join(FOLDER, "stick.img"), { "good.raucb": images.good }, 900);
  }, BUILD_MS);

  afterAll(async () => {
    await machine?.end("power cut");
    removeUpdateImages(FOLDER);
    console.log(tableOf(rounds));
  });

  async function newDisk(hasStick: boolean): Promise<void> {
    await machine?.powerCut();
    const folder = freshFolder(join(FOLDER, "machine"));
    await run(["cp", "--sparse=always", images.disk, join(folder, "disk.img")], { timeoutMs: 300_000 });
    machine = new SlotsMachine({ folder, ...(hasStick ? { stick: join(FOLDER, "stick.img") } : {}) });
  }

  /** Waits until the box answers. @returns which version runs, and what its update is at */
  async function answers(): Promise<{ version: string; slot: string; stage: string; isProving: boolean }> {
    const text = await machine.untilShell(
      "omerta-box update status --json 2>/dev/null; echo",
      /^\{"view"/,
      BOOT_MS,
    );
    return JSON.parse(text).view;
  }

  async function cuts(what: Round["what"], count: number): Promise<void> {
    let acknowledged: number[] = [];
    let isFresh = true;
    let last = "never";
    /** How long an update takes, as far as is known: cuts are to fall into all of it. */
    let spanS = what === "update" ? 240 : 30;
    for (let round = 0; round <= count; round += 1) {
      if (isFresh) {
        await newDisk(what === "update");
        acknowledged = [];
      }
      const onMs = performance.now();
      await machine.powerOn();
      const bootCut = !isFresh && what === "update" && random() < 0.25 && round < count;
      isFresh = false;
      if (bootCut) {
        const cutAfterS = random() * 60;
        await Bun.sleep(cutAfterS * 1_000);
        await machine.powerCut();
        rounds.push({ what, cutAfterS, from: "power", stage: last, next: "", upAfterS: 0, acknowledged: 0 });
        continue;
      }
      const view = await answers();
      const upAfterS = (performance.now() - onMs) / 1_000;
      last = `${view.version} in ${view.slot}, ${view.isProving ? "on trial" : view.stage}`;
      expect([view.version, view.slot]).toEqual(view.slot === "A" ? ["1.0.0", "A"] : ["1.1.0", "B"]);
      const has = await machine.untilShell(runIn(reader), /HAS .*END/, BOOT_MS);
      const found = new Set(/HAS (.*) END/.exec(has)?.[1]?.split(" ").map(Number) ?? []);
      expect(acknowledged.filter((number) => !found.has(number))).toEqual([]);
      for (const entry of rounds.filter(({ next }) => next === "")) {
        Object.assign(entry, { next: last, upAfterS, acknowledged: acknowledged.length });
      }
      if (round === count) break;
      // What has been updated has no more to show.
      if (what === "update" && view.version === "1.1.0" && view.stage === "idle") {
        isFresh = true;
        round -= 1;
        continue;
      }
      await machine.tryShell(
        `${runIn(writer(acknowledged.length + 1_000 * round), ">/dev/null 2>&1 &")}`,
        60_000,
      );
      const cutAfterS = random() * spanS;
      const cutMs = performance.now() + cutAfterS * 1_000;
      let stage = view.stage as string;
      let isDone = false;
      while (performance.now() < cutMs && !isDone) {
        await Bun.sleep(Math.min(2_000, Math.max(1, cutMs - performance.now())));
        if (what === "writing") continue;
        const now = await machine.tryShell("omerta-box update status --json 2>/dev/null; echo", 5_000);
        const seen = now?.startsWith("{") ? JSON.parse(now).view : undefined;
        if (seen) stage = seen.isProving ? "on trial" : seen.stage;
        isDone = seen?.version === "1.1.0" && seen.stage === "idle";
      }
      await machine.powerCut();
      acknowledged = [...new Set([...acknowledged, ...acknowledgedIn(machine.serial())])];
      rounds.push({ what, cutAfterS, from: "answer", stage, next: "", upAfterS: 0, acknowledged: 0 });
      if (isDone) spanS = Math.max(60, cutAfterS);
    }
    expect(rounds.filter((entry) => entry.what === what && entry.next !== "")).toHaveLength(count);
  }

  test(
    `starts again after each of ${WRITE_CUTS} cuts, and has all that it has acknowledged`,
    async () => {
      await cuts("writing", WRITE_CUTS);
    },
    HOURS_MS,
  );

  test(
    `starts one of the two systems after each of ${UPDATE_CUTS} cuts of an update, and has all that it has acknowledged`,
    async () => {
      await cuts("update", UPDATE_CUTS);
    },
    HOURS_MS,
  );
});

function tableOf(rounds: readonly Round[]): string {
  const rows = rounds.map(({ what, cutAfterS, from, stage, next, upAfterS, acknowledged }, index) =>
    [
      String(index + 1).padStart(4),
      what.padEnd(8),
      `${cutAfterS.toFixed(1)} s after ${from === "power" ? "power on" : "it answered"}`.padEnd(26),
      stage.padEnd(24),
      next.padEnd(24),
      upAfterS === 0 ? "" : `${upAfterS.toFixed(0)} s`,
      String(acknowledged),
    ].join("  "),
  );
  return [
    "",
    "   #  what      cut                         was at                    then runs                 up after, acknowledged before",
    ...rows,
  ].join("\n");
}
