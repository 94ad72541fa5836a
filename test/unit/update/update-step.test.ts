import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import {
  type Candidate,
  firstUpdateState,
  type UpdateState,
  updateStateSchema,
} from "../../../src/update/update-state.ts";
import { type Running, type UpdateEvent, updateStep } from "../../../src/update/update-step.ts";
import { UpdateWorld } from "./update-world.ts";

const A: Running = { slot: "A", version: "1.0.0", start: "normal", bootId: "boot-1" };
const B: Running = { slot: "B", version: "1.1.0", start: "trial", bootId: "boot-2" };
const candidate: Candidate = {
  ...{ id: "x", file: "/x.raucb", version: "1.1.0", from: "a stick" },
  ...{ mayBeOlder: false, isAsked: false, installs: 0 },
};
const wellParts = ["gateway", "portal"];

/** All events in a row, and what was to be done at the end. */
function after(running: Running, events: readonly UpdateEvent[], from: UpdateState = firstUpdateState()) {
  return events.reduce(({ state }, event) => updateStep(state, running, event), {
    state: from,
    actions: [],
  } as ReturnType<typeof updateStep>);
}

const started: UpdateEvent = { kind: "started", watchSaid: undefined };
const ready: UpdateEvent = { kind: "ready", candidate };
const may: UpdateEvent = { kind: "may", wellParts };
const tried = () => after(A, [started, ready, may, { kind: "installed" }, may]).state;

describe("an update", () => {
  test("is installed to the other slot, tried once, and kept when all is well", () => {
    expect(after(A, [started, ready]).actions).toEqual([]);
    expect(after(A, [started, ready, may]).actions).toEqual([{ kind: "install", file: "/x.raucb" }]);
    expect(after(A, [started, ready, may, { kind: "installed" }]).actions).toEqual([]);
    expect(after(A, [started, ready, may, { kind: "installed" }, may]).actions).toEqual([
      { kind: "try", slot: "B" },
    ]);
    expect(after(B, [started], tried()).actions).toEqual([]);
    expect(after(B, [started, { kind: "well" }], tried()).actions).toEqual([{ kind: "confirm" }]);
    const { state, actions } = after(B, [started, { kind: "well" }, { kind: "confirmed" }], tried());
    expect(state).toMatchObject({ stage: "idle", versions: { A: "1.0.0", B: "1.1.0" } });
    const outcome = {
      kind: "updated" as const,
      version: "1.1.0",
      before: "1.0.0",
      slot: "B" as const,
      reason: "",
    };
    expect(actions).toEqual([{ kind: "tell", outcome }]);
  });

  test("that was kept when the power was cut is known to have been kept", () => {
    const { state } = after({ ...B, start: "normal", bootId: "boot-3" }, [started], tried());
    expect(state.outcomes[0]).toMatchObject({ kind: "updated", version: "1.1.0" });
  });

  test("that is unwell is left, with the reason written down before the restart, and not tried again by itself", () => {
    const left = after(B, [started, { kind: "unwell", reason: "mesh: no port" }], tried());
    expect(left.actions).toEqual([{ kind: "go-back" }]);
    expect(left.state.trial?.verdict).toBe("mesh: no port");
    const back = after({ ...A, bootId: "boot-3" }, [started], left.state);
    expect(back.state.outcomes[0]).toEqual({
      ...{ kind: "went-back", version: "1.1.0", before: "1.0.0", slot: "A", reason: "mesh: no port" },
    });
    expect(after(A, [ready, may], back.state).actions).toEqual([]);
    const asked: UpdateEvent = { kind: "ready", candidate: { ...candidate, isAsked: true } };
    expect(after(A, [asked, may], back.state).actions).toEqual([{ kind: "install", file: "/x.raucb" }]);
  });

  test("that does not come up is tried three times, for it may have been the power", () => {
    let state = tried();
    for (const bootId of ["boot-3", "boot-4"]) {
      const again = after({ ...A, bootId }, [started, may], state);
      expect(again.actions).toEqual([{ kind: "try", slot: "B" }]);
      state = again.state;
    }
    const last = after({ ...A, bootId: "boot-5" }, [started], state);
    expect(last.state).toMatchObject({ stage: "idle", outcomes: [{ kind: "went-back" }] });
    expect(last.state.outcomes[0]?.reason).toContain("did not come up");
  });

  test("is not tried again when who watches from outside knows why it ended", () => {
    const said: UpdateEvent = { kind: "started", watchSaid: "it was not confirmed within 15 minutes" };
    const { state } = after({ ...A, bootId: "boot-3" }, [said], tried());
    expect(state.outcomes[0]?.reason).toBe("it was not confirmed within 15 minutes");
  });

  test("whose program crashes again and again is left", () => {
    const { state, actions } = after(B, [started, started, started, started], tried());
    expect(actions).toEqual([{ kind: "go-back" }]);
    expect(state.trial?.verdict).toContain("ended 3 times");
    // Though it runs well at last: it is on its way back.
    expect(after(B, [{ kind: "well" }], state).actions).toEqual([]);
  });

  test("goes on to its trial when the daemon was restarted in place of the machine", () => {
    expect(after(A, [started], tried()).actions).toEqual([{ kind: "try", slot: "B" }]);
    // And what runs is not confirmed meanwhile: that would call the trial off.
    expect(after(A, [started, { kind: "well" }], tried()).actions).toEqual([]);
  });

  test("whose installation was cut off is installed anew", () => {
    const { state } = after(A, [started, ready, may]);
    expect(after({ ...A, bootId: "boot-2" }, [started, may], state).actions).toEqual([
      { kind: "install", file: "/x.raucb" },
    ]);
  });

  test("waits while it is held, and goes on when it is released", () => {
    const held = after(A, [started, ready, { kind: "hold" }, may]);
    expect(held.actions).toEqual([]);
    expect(after(A, [{ kind: "release" }, may], held.state).actions).toHaveLength(1);
  });

  test("that RAUC cannot install is given up, with the reason", () => {
    const { state } = after(A, [started, ready, may, { kind: "install-failed", reason: "no space" }]);
    expect(state).toMatchObject({ stage: "idle", refused: [{ id: "x", reason: "no space" }] });
    expect(state.outcomes[0]).toMatchObject({ kind: "failed", reason: "no space", version: "1.1.0" });
  });
});

describe("going back", () => {
  test("to the other system is a trial like any other", () => {
    const back = after({ ...B, start: "normal" }, [started, { kind: "rollback", wellParts }]);
    expect(back.actions).toEqual([{ kind: "try", slot: "A" }]);
    const there = after(
      { ...A, start: "trial", bootId: "boot-3" },
      [started, { kind: "well" }, { kind: "confirmed" }],
      back.state,
    );
    expect(there.state.outcomes[0]).toMatchObject({ kind: "updated", version: "1.0.0", before: "1.1.0" });
  });

  test("in the middle of a trial ends the trial", () => {
    const { state, actions } = after(B, [started, { kind: "rollback", wellParts }], tried());
    expect(actions).toEqual([{ kind: "go-back" }]);
    expect(state.trial?.verdict).toContain("the operator");
  });

  test("by the boot loader, since the confirmed system does not start, is told once", () => {
    const known = { ...firstUpdateState(), versions: { A: "1.0.0", B: "1.1.0" } };
    const fallen = after(
      { ...A, start: "fallback" },
      [started, { kind: "well" }, { kind: "confirmed" }],
      known,
    );
    expect(fallen.state.outcomes).toHaveLength(1);
    expect(fallen.state.outcomes[0]).toMatchObject({ kind: "fell-back", before: "1.1.0", version: "1.0.0" });
    expect(after({ ...A, start: "fallback" }, [started], fallen.state).state.outcomes).toHaveLength(1);
  });
});

test("what is written down can be read by a version that knows more, and one that knows less", () => {
  const { state } = after(A, [started, ready, may]);
  expect(updateStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(
    JSON.parse(JSON.stringify(state)),
  );
  const newer = { ...state, signature: "new", candidate: { ...candidate, channel: "beta" } };
  expect(updateStateSchema.parse(newer)).toMatchObject({ signature: "new", candidate: { channel: "beta" } });
});

describe("through thousands of random events and power cuts", () => {
  test("what starts is always whole and was found good, and every step back is explained", () => {
    let cuts = 0;
    let confirmed = 0;
    let wentBack = 0;
    for (let seed = 1; seed <= 400; seed += 1) {
      const world = new UpdateWorld(seededRandom(seed));
      for (let event = 0; event < 150; event += 1) {
        world.happen();
        world.check();
      }
      cuts += world.cuts;
      confirmed += world.count("updated");
      wentBack += world.count("went-back");
    }
    // The world is one in which all of it happens.
    expect(cuts).toBeGreaterThan(5_000);
    expect(confirmed).toBeGreaterThan(500);
    expect(wentBack).toBeGreaterThan(500);
  });

  test("a good bundle is what runs in the end, once the power stays on", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const world = new UpdateWorld(seededRandom(seed));
      for (let event = 0; event < 60; event += 1) world.happen();
      world.settle();
      const version = world.offerGood();
      world.settle();
      expect({ seed, version: world.version }).toEqual({ seed, version });
      expect(world.isConfirmed).toBe(true);
    }
  });
});
