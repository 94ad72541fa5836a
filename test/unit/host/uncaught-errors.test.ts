import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { tryRun } from "../../../src/host/run.ts";

interface Line {
  level?: number;
  msg?: string;
  error?: { message: string; stack: string };
  noted?: string;
  stack?: string;
  gaveUp?: true;
  stillThere?: true;
  trouble?: string;
  detail?: string;
}

/** Runs one scene in a process of its own, which is what such an error would end. */
async function scene(name: string): Promise<{ exitCode: number; lines: Line[] }> {
  const { exitCode, stdout } = await tryRun([
    process.execPath,
    join(import.meta.dir, "uncaught-errors-process.ts"),
    name,
  ]);
  const lines = stdout.trim().split("\n");
  return { exitCode, lines: lines.map((line): Line => JSON.parse(line)) };
}

const logged = (lines: readonly Line[]) => lines.filter(({ level }) => level === 50);

describe("an error that nobody caught", () => {
  test("is logged once with its stack and kept, however it came, and the process goes on", async () => {
    const { exitCode, lines } = await scene("each");
    expect(exitCode).toBe(0);
    expect(lines.at(-1)).toEqual({ stillThere: true });
    const messages = ["of a timer", "of a promise", "of an emitter", 'not an error: "a mere text"'];
    expect(logged(lines).map(({ error }) => error?.message)).toEqual(messages);
    for (const { error } of logged(lines).slice(0, 3))
      expect(error?.stack).toContain("uncaught-errors-process.ts");
    const noted = lines.filter(({ noted }) => noted !== undefined);
    expect(noted.map((line) => line.noted)).toEqual(messages.map((message) => `Error: ${message}`));
    expect(noted[0]?.stack).toContain("uncaught-errors-process.ts");
  });

  test("is logged where the medium takes nothing", async () => {
    const { exitCode, lines } = await scene("full");
    expect(exitCode).toBe(0);
    expect(logged(lines).map(({ error }) => error?.message)).toEqual(["of a timer", "the medium is full"]);
  });

  test("ends nothing as long as few come in a minute", async () => {
    const { exitCode, lines } = await scene("slowly");
    expect(exitCode).toBe(0);
    expect(logged(lines)).toHaveLength(30);
    expect(lines.at(-1)).toEqual({ stillThere: true });
  });

  test("ends the process, for the supervisor to start it anew, when it comes again and again", async () => {
    const { exitCode, lines } = await scene("ever");
    expect(exitCode).toBe(7);
    expect(lines.filter(({ gaveUp }) => gaveUp)).toHaveLength(1);
    expect(lines.filter(({ noted }) => noted !== undefined)).toHaveLength(11);
    expect(logged(lines).filter(({ msg }) => msg?.includes("to be started anew"))).toHaveLength(1);
  });

  test("is shown to the operator for an hour", async () => {
    const { lines } = await scene("lapse");
    expect(lines.filter(({ detail }) => detail !== undefined && !detail.includes("thrown"))).toEqual([
      { detail: "none" },
      { trouble: "Error: of a timer", detail: "1 since the start" },
      { detail: "1 since the start" },
    ]);
  });

  test("ends the process as ever once the box has stopped", async () => {
    const { exitCode, lines } = await scene("stopped").catch(() => ({ exitCode: 1, lines: [] }));
    expect(exitCode).not.toBe(0);
    expect(logged(lines)).toEqual([]);
  });
});
