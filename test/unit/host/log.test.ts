import { describe, expect, test } from "bun:test";
import { createLog } from "../../../src/host/log.ts";
import type { LogLine } from "../captured-log.ts";

const PER_SECOND = 200;

function logAt(level: "error" | "warn" | "info" | "debug" = "debug") {
  const raw: string[] = [];
  const time = { nowMs: 1_000_000 };
  const log = createLog({
    level,
    destination: { write: (line) => void raw.push(line) },
    nowMs: () => time.nowMs,
  });
  return { log, raw, time, lines: () => raw.map((line) => JSON.parse(line) as LogLine) };
}

describe("the log", () => {
  test("writes one JSON line for each event, with its fields", () => {
    const { log, raw, lines } = logAt();
    log.warn({ part: "gateway", guests: 3 }, "nearly full");
    expect(raw).toHaveLength(1);
    expect(raw[0]).toEndWith("\n");
    expect(lines()[0]).toMatchObject({ level: 40, part: "gateway", guests: 3, msg: "nearly full" });
  });

  test("leaves out what is below its level", () => {
    const { log, lines } = logAt("warn");
    log.info("no");
    log.debug("no");
    log.warn("yes");
    log.error("yes");
    expect(lines().map(({ msg }) => msg)).toEqual(["yes", "yes"]);
  });

  test("keeps a line break in a text within its line", () => {
    const { log, raw, lines } = logAt();
    log.info('first\n{"level":60,"msg":"forged"}');
    expect(raw.join("").split("\n")).toHaveLength(2);
    expect(lines()[0]?.msg).toBe('first\n{"level":60,"msg":"forged"}');
  });

  test("names an error by its type and message", () => {
    const { log, lines } = logAt();
    log.error({ error: new TypeError("not a number") }, "failed");
    expect(lines()[0]?.error).toMatchObject({ type: "TypeError", message: "not a number" });
  });
});

describe("a log line stays short", () => {
  const LONG = "x".repeat(1_000_000);
  const LONGEST_LINE = 20_000;

  test.each([
    ["a long message", { arguments: [LONG] }],
    ["a long field", { arguments: [{ text: LONG }, "m"] }],
    ["a long value put into the message", { arguments: ["said %s", LONG] }],
    ["a long text deeper down", { arguments: [{ request: { path: LONG } }, "m"] }],
    ["a long text in a list", { arguments: [{ paths: [LONG] }, "m"] }],
    ["an error with a long message", { arguments: [{ error: new Error(LONG) }, "m"] }],
    ["an error alone", { arguments: [new Error(LONG)] }],
    [
      "a list of very many",
      { arguments: [{ all: Array.from({ length: 100_000 }, (_, index) => index) }, "m"] },
    ],
    [
      "a table of very many",
      { arguments: [Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i]))] },
    ],
  ])("with %s", (_, { arguments: values }) => {
    const { log, raw } = logAt();
    Reflect.apply(log.error, log, values);
    expect(raw).toHaveLength(1);
    expect(raw[0]?.length ?? 0).toBeLessThan(LONGEST_LINE);
  });

  test("with a field that holds itself", () => {
    const { log, raw } = logAt();
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    log.error({ loop }, "m");
    expect(raw).toHaveLength(1);
  });
});

describe("the log's lines in a second", () => {
  test("are bounded, and the next second says how many were dropped", () => {
    const { log, lines, time } = logAt();
    for (let line = 0; line < PER_SECOND + 50; line += 1) log.info(`line ${line}`);
    expect(lines()).toHaveLength(PER_SECOND);
    time.nowMs += 1_000;
    log.info("after");
    expect(
      lines()
        .slice(PER_SECOND)
        .map(({ msg }) => msg),
    ).toEqual(["50 log lines were dropped", "after"]);
  });

  test("are not dropped when they come slowly", () => {
    const { log, lines, time } = logAt();
    for (let line = 0; line < 10 * PER_SECOND; line += 1) {
      log.info("line");
      time.nowMs += 6;
    }
    expect(lines()).toHaveLength(10 * PER_SECOND);
  });

  test("go on when the clock jumps back by years", () => {
    const { log, lines, time } = logAt();
    for (let line = 0; line < PER_SECOND + 1; line += 1) log.info("line");
    time.nowMs -= 1e11;
    log.info("after");
    expect(lines().map(({ msg }) => msg)).toContain("1 log lines were dropped");
    expect(lines().at(-1)?.msg).toBe("after");
  });
});

describe("the log for a person at a terminal", () => {
  const human = () => {
    const raw: string[] = [];
    const log = createLog({
      level: "debug",
      human: true,
      destination: { write: (line) => void raw.push(line) },
    });
    return { log, raw };
  };

  test("shows time, weight, part and words", () => {
    const { log, raw } = human();
    log.info({ part: "portal" }, "ready");
    log.warn("look out");
    log.error({ part: "gateway", error: new Error("no root\nand more") }, "failed");
    expect(raw.map((line) => line.replace(/\d\d:\d\d:\d\d/, "T"))).toEqual([
      "  T · portal: ready\n",
      "  T ! look out\n",
      "  T ✗ gateway: failed: no root\n",
    ]);
  });

  test("gives no escape sequence of a stranger's to the terminal, and no line of a stranger's making", () => {
    const { log, raw } = human();
    log.info("hostname \u001b[2J\u001b]0;owned\u0007\r\nforged");
    // Of control characters there is the end of the line alone.
    expect(raw.join("").match(/\p{Cc}/gu)).toEqual(["\n"]);
  });
});
