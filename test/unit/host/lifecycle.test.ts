import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { Lifecycle } from "../../../src/host/lifecycle.ts";
import type { Part } from "../../../src/host/part.ts";
import { capturedLog } from "../captured-log.ts";

/** Lets everything that waits for nothing but its turn go on. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

function parts(...names: string[]) {
  const said: string[] = [];
  const failures = new Map<string, number>();
  const all = names.map(
    (name): Part => ({
      name,
      async start() {
        const left = failures.get(name) ?? 0;
        if (left > 0) {
          failures.set(name, left - 1);
          said.push(`${name} fails`);
          throw new Error(`${name} is not ready`);
        }
        said.push(`start ${name}`);
      },
      async stop() {
        said.push(`stop ${name}`);
      },
      detail: () => `${name} at work`,
    }),
  );
  return { all, said, failures };
}

describe("the lifecycle", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test("starts parts in order and stops them in reverse", async () => {
    const { all, said } = parts("store", "gateway", "portal");
    const lifecycle = new Lifecycle(all, capturedLog().log);
    await lifecycle.start();
    await lifecycle.stop();
    expect(said).toEqual([
      "start store",
      "start gateway",
      "start portal",
      "stop portal",
      "stop gateway",
      "stop store",
    ]);
  });

  test("starts more behind those that have started, and stops these first", async () => {
    const { all, said } = parts("store", "gateway", "portal", "console");
    const lifecycle = new Lifecycle(all.slice(0, 2), capturedLog().log);
    await lifecycle.start();
    expect(lifecycle.status().map(({ name }) => name)).toEqual(["store", "gateway"]);
    await lifecycle.goOn(all.slice(2));
    expect(lifecycle.status().map(({ state }) => state)).toEqual(Array(4).fill("running"));
    await lifecycle.stop();
    expect(said.slice(2)).toEqual([
      "start portal",
      "start console",
      "stop console",
      "stop portal",
      "stop gateway",
      "stop store",
    ]);
  });

  test("starts no more once it has been stopped", async () => {
    const { all, said } = parts("store", "gateway");
    const lifecycle = new Lifecycle(all.slice(0, 1), capturedLog().log);
    await lifecycle.start();
    await lifecycle.stop();
    await lifecycle.goOn(all.slice(1));
    expect(said).toEqual(["start store", "stop store"]);
    expect(lifecycle.status().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
  });

  test("stops a part that was still starting, once it has", async () => {
    const { all, said } = parts("store", "gateway");
    const [, gateway] = all;
    if (!gateway) throw new Error("no gateway");
    const started = Promise.withResolvers<void>();
    const lifecycle = new Lifecycle([{ ...gateway, start: () => started.promise }], capturedLog().log);
    const starting = lifecycle.start();
    await lifecycle.stop();
    expect(said).toEqual([]);
    started.resolve();
    await starting;
    expect(said).toEqual(["stop gateway"]);
    expect(lifecycle.status().map(({ state }) => state)).toEqual(["stopped"]);
  });

  test("tells of each part how it is", async () => {
    const { all, failures } = parts("gateway", "portal");
    failures.set("portal", 1);
    const lifecycle = new Lifecycle(all, capturedLog().log);
    expect(lifecycle.status().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
    await lifecycle.start();
    expect(lifecycle.status()).toEqual([
      { name: "gateway", state: "running", detail: "gateway at work" },
      { name: "portal", state: "failed", detail: "portal is not ready" },
    ]);
    await lifecycle.stop();
    expect(lifecycle.status().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
  });

  test("tells of a part that runs and is troubled, for as long as it is", async () => {
    const { all } = parts("gateway", "portal");
    let trouble: string | undefined = "no interface";
    for (const part of all) part.trouble = () => (part.name === "gateway" ? trouble : undefined);
    const lifecycle = new Lifecycle(all, capturedLog().log);
    await lifecycle.start();
    expect(lifecycle.status()).toEqual([
      { name: "gateway", state: "troubled", detail: "no interface (gateway at work)" },
      { name: "portal", state: "running", detail: "portal at work" },
    ]);
    trouble = undefined;
    expect(lifecycle.status()[0]).toEqual({ name: "gateway", state: "running", detail: "gateway at work" });
    await lifecycle.stop();
    trouble = "no interface";
    expect(lifecycle.status()[0]?.state).toBe("stopped");
  });

  test("starts the others when one fails", async () => {
    const { all, said, failures } = parts("gateway", "portal", "console");
    failures.set("gateway", 1);
    const lifecycle = new Lifecycle(all, capturedLog().log);
    await lifecycle.start();
    expect(said).toEqual(["gateway fails", "start portal", "start console"]);
    await lifecycle.stop();
  });

  test("tries a failed part again with growing waits until it runs, and stops it before each try", async () => {
    const { all, said, failures } = parts("gateway");
    failures.set("gateway", 7);
    const lifecycle = new Lifecycle(all, capturedLog().log);
    await lifecycle.start();
    const waits: number[] = [];
    for (let waited = 1; said.at(-1) !== "start gateway"; waited += 1) {
      const before = said.length;
      jest.advanceTimersByTime(1_000);
      await settle();
      if (said.length > before) {
        waits.push(waited);
        waited = 0;
      }
    }
    expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60]);
    expect(said.slice(0, 3)).toEqual(["gateway fails", "stop gateway", "gateway fails"]);
    expect(lifecycle.status()[0]?.state).toBe("running");
    await lifecycle.stop();
  });

  test("starts nothing any more once it is stopped", async () => {
    const { all, said, failures } = parts("gateway");
    failures.set("gateway", 1);
    const lifecycle = new Lifecycle(all, capturedLog().log);
    await lifecycle.start();
    await lifecycle.stop();
    jest.advanceTimersByTime(120_000);
    await settle();
    expect(said).toEqual(["gateway fails", "stop gateway"]);
  });

  test("leaves nothing running when it is stopped while a part is being started again", async () => {
    let started = () => {};
    let tries = 0;
    let running = false;
    const slow: Part = {
      name: "gateway",
      async start() {
        tries += 1;
        if (tries === 1) throw new Error("not yet");
        await new Promise<void>((resolve) => {
          started = resolve;
        });
        running = true;
      },
      async stop() {
        running = false;
      },
      detail: () => "",
    };
    const lifecycle = new Lifecycle([slow], capturedLog().log);
    await lifecycle.start();
    jest.advanceTimersByTime(2_000);
    await settle();
    const stopped = lifecycle.stop();
    await settle();
    started();
    await stopped;
    await settle();
    expect({ tries, running }).toEqual({ tries: 2, running: false });
  });

  test("stops the others when one does not stop cleanly, and says so", async () => {
    const { all, said } = parts("gateway", "portal");
    const portal = all[1];
    if (portal) portal.stop = () => Promise.reject(new Error("stuck"));
    const { log, lines } = capturedLog();
    const lifecycle = new Lifecycle(all, log);
    await lifecycle.start();
    await lifecycle.stop();
    expect(said.at(-1)).toBe("stop gateway");
    expect(lines.find(({ msg }) => msg === "did not stop cleanly")).toMatchObject({ part: "portal" });
  });
});
