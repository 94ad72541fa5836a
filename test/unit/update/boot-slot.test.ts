import { beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { firstAutoboot, firstGrubenv } from "../../../image-build/rauc/first-choice.ts";
import { tryRun } from "../../../src/host/run.ts";
import { scratchFolders } from "../scratch.ts";

const scratchFolder = scratchFolders();
const SCRIPT = join(import.meta.dir, "../../../rootfs-overlay/usr/lib/omerta-box/boot-slot");

/** The script on files of a test's own, in place of a control partition and what a boot loader says. */
class Medium {
  readonly folder = scratchFolder();

  constructor(private readonly board: "pc" | "pi") {
    mkdirSync(join(this.folder, "firmware"));
    this.write(this.file, board === "pc" ? firstGrubenv() : firstAutoboot());
    this.started("A", "normal");
  }

  get file(): string {
    return this.board === "pc" ? "grubenv" : "autoboot.txt";
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), content);
  }

  text(name = this.file): string {
    return readFileSync(join(this.folder, name), "latin1");
  }

  has(name: string): boolean {
    return existsSync(join(this.folder, name));
  }

  /** As if the boot loader had started a slot. */
  started(slot: "A" | "B", why: "normal" | "trial" | "fallback"): void {
    this.write(
      "cmdline",
      this.board === "pc" ? `quiet rauc.slot=${slot} omerta.boot=${why} panic=10\n` : "quiet\n",
    );
    if (this.board === "pc") return;
    this.write("firmware/partition", Uint8Array.of(0, 0, 0, slot === "A" ? 2 : 3));
    this.write("firmware/tryboot", Uint8Array.of(0, 0, 0, why === "trial" ? 1 : 0));
  }

  async run(...verb: string[]): Promise<string> {
    const at = (name: string) => join(this.folder, name);
    const { exitCode, stdout, stderr } = await tryRun(["sh", SCRIPT, ...verb], {
      env: {
        OMERTA_CONTROL: this.folder,
        OMERTA_CMDLINE: at("cmdline"),
        OMERTA_FIRMWARE: at("firmware"),
        OMERTA_REBOOT: at("reboot-param"),
        OMERTA_LOCK: at("lock"),
        OMERTA_MOUNT: "true",
      },
    });
    return exitCode === 0 ? stdout.trim() : `${exitCode}: ${stderr.trim()}`;
  }
}

describe.each(["pc", "pi"] as const)("which of two systems starts, on a %s", (board) => {
  let medium: Medium;
  beforeEach(() => {
    medium = new Medium(board);
  });

  test("a new image starts slot A, and knows nothing in slot B", async () => {
    expect(await medium.run("get-primary")).toBe("A");
    expect(await medium.run("get-current")).toBe("A");
    expect(await medium.run("get-state", "A")).toBe("good");
    expect(await medium.run("get-state", "B")).toBe("bad");
    expect(await medium.run("why")).toBe("normal");
    expect(await medium.run("able")).toBe("");
  });

  test("a slot that is made primary is tried, and starts from then on once it was found good", async () => {
    await medium.run("set-primary", "B");
    expect(await medium.run("get-primary")).toBe("B");
    medium.started("B", "trial");
    if (board === "pc")
      medium.write("grubenv", medium.text().replace("trial=B", "trial=").padEnd(1_024, "#"));
    else medium.write("reboot-param", "");
    expect(await medium.run("why")).toBe("trial");
    expect(await medium.run("get-primary")).toBe("A");
    expect(await medium.run("set-state", "B", "good")).toBe("");
    expect(await medium.run("get-primary")).toBe("B");
    expect(await medium.run("get-state", "B")).toBe("good");
    expect(await medium.run("why")).toBe("normal");
  });

  test("making the confirmed slot primary again calls a trial off", async () => {
    await medium.run("set-primary", "B");
    await medium.run("set-primary", "A");
    expect(await medium.run("get-primary")).toBe("A");
    if (board === "pi") expect(medium.has("reboot-param")).toBe(false);
  });

  test("a slot that is found bad is not tried", async () => {
    await medium.run("set-primary", "B");
    await medium.run("set-state", "B", "bad");
    expect(await medium.run("get-primary")).toBe("A");
  });

  test("finding the slot good that does not run changes nothing of what starts", async () => {
    await medium.run("set-state", "B", "good");
    expect(await medium.run("get-state", "B")).toBe("good");
    expect(await medium.run("get-primary")).toBe("A");
  });

  test("the file keeps its size, whatever is written", async () => {
    const { length } = medium.text();
    for (const verb of [
      ["set-primary", "B"],
      ["set-state", "B", "good"],
      ["set-state", "A", "bad"],
      ["set-primary", "A"],
    ]) {
      expect(await medium.run(...verb)).toBe("");
      expect(medium.text()).toHaveLength(length);
    }
    // What a power cut can tear is within the first sector.
    expect(medium.text().slice(512)).toMatch(/^#*$/);
  });

  test("what is no slot and no state is refused", async () => {
    expect(await medium.run("set-primary", "C")).toStartWith("1: boot-slot: set-primary: A or B");
    expect(await medium.run("set-state", "A", "fine")).toStartWith("1: boot-slot: set-state: good or bad");
    expect(await medium.run("get-state")).toStartWith("1: boot-slot: get-state: A or B");
    expect(await medium.run("do-something")).toStartWith("1: boot-slot: not a verb");
  });

  test("a file that was lost or overwritten starts slot A", async () => {
    medium.write(medium.file, "\u0000".repeat(512));
    expect(await medium.run("get-primary")).toBe("A");
    expect(await medium.run("set-state", "A", "good")).toBe("");
    expect(await medium.run("get-state", "A")).toBe("good");
  });
});

test("on a PC the older system starts where the confirmed one does not, and is what starts once it is well", async () => {
  const medium = new Medium("pc");
  await medium.run("set-state", "B", "good");
  medium.started("B", "fallback");
  expect(await medium.run("why")).toBe("fallback");
  await medium.run("set-state", "B", "good");
  expect(await medium.run("get-primary")).toBe("B");
  expect(await medium.run("why")).toBe("normal");
});

test("on a PC a start is confirmed by forgetting how many there were", async () => {
  const medium = new Medium("pc");
  medium.write("grubenv", firstGrubenv().replace("starts=\n", "starts=xxx\n").slice(0, 1_024));
  await medium.run("set-state", "A", "good");
  expect(medium.text()).toContain("starts=\n");
});

test("a Raspberry Pi is told to try a slot by the next restart alone", async () => {
  const medium = new Medium("pi");
  const before = medium.text();
  await medium.run("set-primary", "B");
  expect(medium.text("reboot-param").trim()).toBe("0 tryboot");
  expect(medium.text()).toBe(before);
});

test("a Raspberry Pi whose firmware knows no tryboot says so, and is not made to try anything", async () => {
  const medium = new Medium("pi");
  await Bun.$`rm ${join(medium.folder, "firmware/tryboot")}`.quiet();
  expect(await medium.run("able")).toContain("knows no tryboot");
  expect(await medium.run("set-primary", "B")).toContain("knows no tryboot");
  expect(await medium.run("get-primary")).toBe("A");
  expect(medium.has("reboot-param")).toBe(false);
});
