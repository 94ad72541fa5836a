import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { HostReading } from "../../../../src/vm/host-first/decide-pressure.ts";
import { HostFirst } from "../../../../src/vm/host-first/host-first.ts";
import { capturedLog } from "../../captured-log.ts";
import { BUSY, lease, POLICY, SHORT_OF_MEMORY, WELL_OFF } from "./pressed-world.ts";

function box() {
  const time = new VirtualTime();
  const { log, lines } = capturedLog();
  const did: string[] = [];
  const state = {
    reading: WELL_OFF as Omit<HostReading, "atMs"> | Error,
    leases: [lease("1")],
    fails: false,
  };
  const act = (what: string) => async (id: string, cause?: string) => {
    did.push([what, id.replace(/^0+/, ""), ...(cause ? [cause] : [])].join(" "));
    if (state.fails) throw new Error("libvirt does not answer");
    if (what === "displace") state.leases = [];
    else state.leases = state.leases.map((lease) => ({ ...lease, suspended: what === "suspend" }));
  };
  const part = new HostFirst({
    reading: (atMs) => {
      if (state.reading instanceof Error) throw state.reading;
      return { ...state.reading, atMs };
    },
    leases: () => state.leases,
    suspend: act("suspend"),
    resume: act("resume"),
    displace: act("displace"),
    policy: POLICY,
    timers: time,
    log,
  });
  return { part, time, did, state, said: () => lines.map(({ msg }) => msg) };
}

const seconds = async (time: VirtualTime, count: number) => {
  for (let n = 0; n < count; n += 1) await time.advanceAsync(1_000);
};

describe("the part that lets the box go first", () => {
  test("carries out what is decided, says it once, and says when it is over", async () => {
    const { part, time, did, state, said } = box();
    part.start();
    state.reading = BUSY;
    await seconds(time, 6);
    expect(did).toEqual(["suspend 1 cpu"]);
    expect(part.causes).toEqual(["cpu"]);
    expect(part.refuses({ origin: "local", priority: 0 })).toContain("cpu");
    state.reading = WELL_OFF;
    await seconds(time, 20);
    expect(did).toEqual(["suspend 1 cpu", "resume 1"]);
    expect(part.refuses({ origin: "stranger", priority: 0 })).toBeUndefined();
    expect(said()).toEqual([
      "the box needs itself: cpu",
      `lease ${"0".repeat(10)}: suspend`,
      "the box has enough again",
      `lease ${"0".repeat(10)}: resume`,
    ]);
    await part.stop();
  });

  test("displaces for want of memory", async () => {
    const { part, time, did, state } = box();
    part.start();
    state.reading = SHORT_OF_MEMORY;
    await seconds(time, 9);
    expect(did).toEqual(["displace 1 memory"]);
    await part.stop();
  });

  test("goes on, and tries again, when something cannot be read or done", async () => {
    const { part, time, did, state, said } = box();
    part.start();
    state.reading = new Error("no /proc");
    await seconds(time, 2);
    state.reading = BUSY;
    state.fails = true;
    await seconds(time, 12);
    expect(did.length).toBeGreaterThan(1);
    expect(
      said().filter((line) => line === "what the box needs could not be found out").length,
    ).toBeGreaterThan(2);
    state.fails = false;
    await seconds(time, 8);
    expect(state.leases).toEqual([lease("1", { suspended: true })]);
    await part.stop();
  });

  test("looks no more once it is stopped", async () => {
    const { part, time, did, state } = box();
    part.start();
    await part.stop();
    state.reading = BUSY;
    await seconds(time, 9);
    expect(did).toEqual([]);
    expect(time.waiting).toBe(0);
  });
});
