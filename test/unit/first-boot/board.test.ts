import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { Board, notesIn } from "../../../src/first-boot/board.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

/** A board whose daemon answers as the test says. */
async function boardWith(answers: Record<string, unknown>) {
  const time = new VirtualTime();
  const card = scratch();
  const notesFolder = scratch();
  const written: string[] = [];
  const mounts: string[] = [];
  const board = new Board({
    ask: async (path) => answers[path],
    terminals: [
      { path: "tty1", kind: "screen" },
      { path: "ttyS0", kind: "serial" },
    ],
    card: {
      folder: card,
      mount: { writable: async () => void mounts.push("rw"), readOnly: async () => void mounts.push("ro") },
    },
    ...{ notesFolder, timers: time, log: capturedLog().log },
    reset: async (by) => void mounts.push(`reset by ${by}`),
    write: ({ path }, text) => void written.push(`${path}: ${text}`),
  });
  await board.start();
  return { board, time, card, notesFolder, written, mounts };
}

const answering = (
  more: { uptimeSeconds?: number; claimCode?: string | null; resetAsked?: boolean } = {},
) => ({
  "/api/status": {
    ...{ name: "Harbour", version: "0.0.0", mode: "device", uptimeSeconds: more.uptimeSeconds ?? 60 },
    config: { file: null, problems: [] },
    parts: [{ name: "gateway", state: "failed", detail: "nft: not permitted" }],
    guestsByState: { new: 0, shown: 0, consented: 0, released: 0, expired: 0 },
  },
  "/api/operator": {
    claimCode: more.claimCode ?? null,
    signIn: true,
    resetAsked: more.resetAsked ?? false,
    consoleUrls: ["http://10.0.0.5:8090/"],
  },
});

describe("a board", () => {
  test("shows the box on its screens, and what to know of it on its card", async () => {
    const { board, card, written, mounts } = await boardWith(answering({ claimCode: "70K1-M9QX" }));
    expect(written).toHaveLength(2);
    for (const text of written) expect(text).toContain("70K1-M9QX");
    expect(readFileSync(join(card, "claim.txt"), "utf8")).toContain("70K1-M9QX");
    expect(readFileSync(join(card, "omerta-problems.txt"), "utf8")).toContain("gateway: nft: not permitted");
    expect(mounts).toEqual(["rw", "ro"]);
    await board.stop();
  });

  test("leaves the card alone in the first seconds, when parts are only on their way", async () => {
    const { board, card } = await boardWith(answering({ uptimeSeconds: 5, claimCode: "70K1-M9QX" }));
    expect(existsSync(join(card, "claim.txt"))).toBe(false);
    await board.stop();
  });

  test("shows each screen anew by the minute, and says on a serial line only what is new", async () => {
    const { board, time, written } = await boardWith(answering());
    await time.advanceAsync(59_000);
    expect(written).toHaveLength(2);
    await time.advanceAsync(3_000);
    expect(written.map((text) => text.slice(0, 5))).toEqual(["tty1:", "ttyS0", "tty1:"]);
    await board.stop();
  });

  test("says that the box is starting, later that it does not answer, and what scripts have left to be told", async () => {
    const answers: Record<string, unknown> = {};
    const { board, time, notesFolder, written } = await boardWith(answers);
    expect(written[0]).toContain("The box is starting.");
    writeFileSync(join(notesFolder, "data"), "The data partition was damaged, and has been repaired.\n");
    await time.advanceAsync(3_000);
    expect(written.at(-1)).toContain("has been repaired");
    await time.advanceAsync(180_000);
    expect(written.at(-1)).toContain("does not answer");
    Object.assign(answers, answering());
    await time.advanceAsync(3_000);
    expect(written.at(-1)).toContain("Harbour");
    await board.stop();
  });

  test("has the box forget everything when the operator has asked for it on the page", async () => {
    const { board, mounts } = await boardWith(answering({ resetAsked: true }));
    expect(mounts).toEqual(["reset by console"]);
    await board.stop();
  });

  test("goes on when the card cannot be written, and tries again in five minutes", async () => {
    const { board, time, card, mounts } = await boardWith({});
    await board.stop();
    mkdirSync(join(card, "claim.txt.new"));
    const answers = answering({ claimCode: "70K1-M9QX" });
    const second = new Board({
      ask: async (path) => (path === "/api/status" ? answers["/api/status"] : answers["/api/operator"]),
      terminals: [],
      card: {
        folder: card,
        mount: { writable: async () => void mounts.push("rw"), readOnly: async () => void mounts.push("ro") },
      },
      ...{ notesFolder: scratch(), timers: time, log: capturedLog().log },
    });
    await second.start();
    await time.advanceAsync(299_000);
    expect(mounts.filter((one) => one === "rw")).toHaveLength(1);
    await time.advanceAsync(6_000);
    expect(mounts.filter((one) => one === "rw")).toHaveLength(2);
    await second.stop();
  });

  test("makes the card read-only again soon, when that has failed", async () => {
    const { board, time, card, mounts } = await boardWith({});
    await board.stop();
    const answers = answering({ claimCode: "70K1-M9QX" });
    const readOnly = async () => {
      mounts.push("ro");
      if (mounts.length === 2) throw new Error("it is busy");
    };
    const second = new Board({
      ask: async (path) => (path === "/api/status" ? answers["/api/status"] : answers["/api/operator"]),
      terminals: [],
      card: { folder: card, mount: { writable: async () => void mounts.push("rw"), readOnly } },
      ...{ notesFolder: scratch(), timers: time, log: capturedLog().log },
    });
    await second.start();
    expect(readFileSync(join(card, "claim.txt"), "utf8")).toContain("70K1-M9QX");
    expect(mounts).toEqual(["rw", "ro"]);
    await time.advanceAsync(30_000);
    expect(mounts).toEqual(["rw", "ro", "ro"]);
    await second.stop();
  });
});

test("notes are the lines of all files, in the order of their names, and none is an essay", () => {
  const folder = scratch();
  writeFileSync(join(folder, "20-slot"), "Went back to slot A.\n\n");
  writeFileSync(join(folder, "10-data"), "Repaired.\nGrown.\n");
  expect(notesIn(folder)).toEqual(["Repaired.", "Grown.", "Went back to slot A."]);
  writeFileSync(join(folder, "30"), "x".repeat(100_000));
  expect(notesIn(folder).at(-1)).toHaveLength(4_096);
  expect(notesIn(join(folder, "none"))).toEqual([]);
});
