import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../../src/config/index.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { systemTimers, type Timers } from "../../../src/host/timers.ts";
import { type Machine, UpdatePart, updateText, type Vitals } from "../../../src/update/index.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";
import { playedBundle, playedVersion } from "./played-bundle.ts";

const folderOf = scratchFolders();
setDefaultTimeout(120_000);
/** How many times as fast time is: minutes of watching a system are a fraction of a second. */
const HURRY = 500;
const hurried: Timers = {
  monotonicMs: () => systemTimers.monotonicMs() * HURRY,
  after: (delayMs, task) => systemTimers.after(delayMs / HURRY, task),
};

/** A box whose slots are two versions, with what a boot loader would start. */
class Box {
  readonly folder = folderOf();
  readonly calls: string[] = [];
  slot: "A" | "B" = "A";
  versions = { A: "1.0.0", B: "" };
  confirmed: "A" | "B" = "A";
  trial: "A" | "B" | undefined;
  boots = 1;
  said: string | undefined;
  openSos = 0;
  power: "mains" | "low" = "mains";
  parts: Vitals["parts"] = [{ name: "gateway", isWell: true, detail: "" }];
  private part: UpdatePart | undefined;
  readonly machine: Machine = {
    compatible: "omerta-box-pc-amd64",
    running: async () => ({
      slot: this.slot,
      version: this.versions[this.slot],
      start: this.slot === this.confirmed ? "normal" : "trial",
      bootId: `boot-${this.boots}`,
    }),
    unable: async () => undefined,
    isGood: async (slot) => this.versions[slot] !== "",
    install: async (file) => {
      this.calls.push("install");
      this.versions[this.slot === "A" ? "B" : "A"] = playedVersion(readFileSync(file));
    },
    try: async (slot) => {
      this.calls.push(`try ${slot}`);
      this.trial = slot;
    },
    restart: async () => void this.calls.push("restart"),
    confirm: async () => {
      this.calls.push("confirm");
      this.confirmed = this.slot;
    },
    watchSaid: () => {
      const { said } = this;
      this.said = undefined;
      return said;
    },
  };

  /** Starts the daemon: in the same start of the machine, or in the next. */
  async start(isRestarted = false): Promise<UpdatePart> {
    await this.part?.stop();
    if (isRestarted) {
      this.boots += 1;
      this.slot = this.trial ?? this.confirmed;
      this.trial = undefined;
    }
    this.part = new UpdatePart({
      config: defaultConfig().update,
      machine: this.machine,
      stateFolder: this.folder,
      networks: { onNetworks: () => () => {} },
      vitals: async () => ({ parts: this.parts, portalAnswers: true, storeWrites: true }),
      openSos: () => this.openSos,
      power: () => this.power,
      isClockKnown: () => true,
      clock: systemClock,
      timers: hurried,
      check: async (path) => ({
        compatible: "omerta-box-pc-amd64",
        version: playedVersion(readFileSync(path)),
        description: "",
      }),
      journal: { append: async (_, kind, subject) => void this.calls.push(`journal ${kind} ${subject}`) },
      log: capturedLog().log,
    });
    await this.part.start();
    return this.part;
  }

  async stop(): Promise<void> {
    await this.part?.stop();
  }

  /** Puts a bundle where it comes from, as whoever brings it does. */
  brings(bytes: Uint8Array, arrival = "asked", name = "new.raucb"): void {
    const folder = join(this.folder, "update", "incoming", arrival);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.part`), bytes);
    renameSync(join(folder, `${name}.part`), join(folder, name));
  }

  text(): string {
    const view = this.part?.view();
    return view ? updateText(view).join("\n") : "";
  }

  async until(wanted: () => boolean): Promise<void> {
    const end = performance.now() + 60_000;
    while (!wanted()) {
      if (performance.now() > end) throw new Error(`in vain\n${this.calls.join("\n")}\n${this.text()}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  did(what: string): boolean {
    return this.calls.includes(what);
  }
}

describe("the part that updates the system", () => {
  let box: Box;
  afterEach(async () => {
    await box.stop();
  });

  test("installs what the operator brings, restarts with it, and keeps it once the box is well", async () => {
    box = new Box();
    await box.start();
    box.brings(playedBundle("1.1.0"));
    await box.until(() => box.did("try B"));
    await box.start(true);
    expect(box.text()).toContain("Version 1.1.0 runs, in slot B, on trial");
    await box.until(() => box.text().includes("It replaced version 1.0.0."));
    expect(box.text()).toContain("In slot A there is version 1.0.0.");
    // What ran at first may be found well before or while the other is installed.
    const steps = box.calls.filter((call) => call === "install" || call === "try B");
    expect(steps).toEqual(["install", "try B"]);
    expect(box.calls.lastIndexOf("confirm")).toBeGreaterThan(box.calls.indexOf("try B"));
    expect(box.did("journal updated 1.1.0")).toBe(true);
  });

  test("leaves what a part that ran before does not run with, and says so in the system before", async () => {
    box = new Box();
    await box.start();
    box.brings(playedBundle("1.1.0"), "stick");
    await box.until(() => box.did("try B"));
    box.parts = [{ name: "gateway", isWell: false, detail: "no nf_tables" }];
    await box.start(true);
    await box.until(() => box.did("restart"));
    box.parts = [{ name: "gateway", isWell: true, detail: "" }];
    await box.start(true);
    expect(box.text()).toContain("Version 1.0.0 runs, in slot A.");
    expect(box.text()).toContain(
      "Version 1.1.0 was tried and given up, and slot A with version 1.0.0 came back: gateway: no nf_tables.",
    );
    // Nor does it try again what it has given up.
    const before = box.calls.filter((call) => call === "install").length;
    await box.start(true);
    await box.until(() => box.text() !== "");
    expect(box.calls.filter((call) => call === "install")).toHaveLength(before);
  });

  test("waits while a call for help is open and while there is no power, and says what for", async () => {
    box = new Box();
    box.openSos = 2;
    await box.start();
    box.brings(playedBundle("1.1.0"));
    await box.until(() => box.text().includes("it waits: 2 calls for help are open"));
    box.openSos = 0;
    box.power = "low";
    await box.until(() => box.text().includes("it waits: there is too little power"));
    expect(box.did("install")).toBe(false);
    box.power = "mains";
    await box.until(() => box.did("try B"));
  });

  test("holds back what is here while the operator holds it, and what nobody asked for", async () => {
    box = new Box();
    const part = await box.start();
    await part.say("hold");
    box.brings(playedBundle("1.1.0"));
    await box.until(() => box.text().includes("it waits: the operator holds it back"));
    expect(box.did("install")).toBe(false);
    await part.say("release");
    await box.until(() => box.did("try B"));
  });

  test("refuses what was changed after it was signed, what is no bundle, and what is older, and throws it away", async () => {
    box = new Box();
    await box.start();
    const changed = playedBundle("1.1.0");
    changed[40_000] = 1;
    box.brings(changed, "stick", "changed.raucb");
    await box.until(() =>
      box.text().includes("Refused: changed.raucb, from a USB stick: it was changed after it was signed"),
    );
    box.brings(new Uint8Array(10), "stick", "nothing.raucb");
    await box.until(() => box.text().includes("Refused: nothing.raucb"));
    box.brings(playedBundle("0.9.0"), "asked", "older.raucb");
    await box.until(() => box.text().includes("version 0.9.0 is older than 1.0.0"));
    expect(box.did("install")).toBe(false);
    box.brings(playedBundle("0.9.0"), "older", "older.raucb");
    await box.until(() => box.did("try B"));
  });

  test("goes back to the other system when the operator wants it", async () => {
    box = new Box();
    box.versions.B = "0.9.0";
    const part = await box.start();
    await box.until(() => box.did("confirm"));
    await part.say("rollback");
    expect(box.did("try B")).toBe(true);
    await box.start(true);
    await box.until(() => box.text().includes("It replaced version 1.0.0."));
    expect(box.confirmed).toBe("B");
  });

  test("tells what was written down when a trial was ended from outside", async () => {
    box = new Box();
    await box.start();
    box.brings(playedBundle("1.1.0"));
    await box.until(() => box.did("try B"));
    // It started, and its daemon did not.
    box.trial = undefined;
    box.said = "it did not report that it is well within 15 minutes";
    await box.start(true);
    expect(box.text()).toContain("came back: it did not report that it is well within 15 minutes.");
  });
});
