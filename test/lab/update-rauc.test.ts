import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { firstAutoboot, firstGrubenv } from "../../image-build/rauc/first-choice.ts";
import { raucSystemConf } from "../../image-build/rauc/system-conf.ts";
import { run } from "../../src/host/run.ts";
import { describeNeeding } from "../needs.ts";

const BOOT_SLOT = resolve(import.meta.dir, "../../rootfs-overlay/usr/lib/omerta-box/boot-slot");
const TIMEOUT_MS = 180_000;
const MARK = "=====";

/** RAUC's own service with our configuration, on a bus of its own, with files in place of partitions. */
describeNeeding(
  ["root", "program:rauc", "program:dbus-run-session"],
  "RAUC, asking our boot loader's backend",
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "omb-rauc-"));
    });
    afterAll(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    /** Runs commands beside the service. @returns what each printed */
    async function beside(
      board: "pc" | "pi",
      slot: "A" | "B",
      commands: readonly string[],
    ): Promise<string[]> {
      const at = join(folder, board);
      const file = (name: string) => join(at, name);
      const own = [
        ...[`OMERTA_CONTROL=${file("control")}`, `OMERTA_CMDLINE=${file("cmdline")}`, "OMERTA_MOUNT=true"],
        ...[
          `OMERTA_LOCK=${file("lock")}`,
          `OMERTA_FIRMWARE=${file("firmware")}`,
          `OMERTA_REBOOT=${file("reboot")}`,
        ],
      ];
      writeFileSync(file("backend"), `#!/bin/sh\nexec env ${own.join(" ")} "${BOOT_SLOT}" "$@"\n`, {
        mode: 0o755,
      });
      const conf = raucSystemConf(board === "pc" ? "pc-amd64" : "rpi-arm64")
        .replaceAll("/dev/omerta/", `${at}/`)
        .replace("/data/rauc", file("data"))
        .replace(/^path=.*$/m, `path=${file("keyring.pem")}`)
        .replace("/usr/lib/omerta-box/boot-slot", file("backend"));
      writeFileSync(file("system.conf"), conf);
      const script = [
        "export DBUS_STARTER_BUS_TYPE=session",
        `rauc service --conf=${file("system.conf")} --override-boot-slot=${slot} >${file("log")} 2>&1 &`,
        "service=$!",
        "for n in $(seq 100); do rauc status >/dev/null 2>&1 && break; sleep 0.2; done",
        ...commands.map((command) => `echo ${MARK}; ${command} 2>&1`),
        "kill $service; wait $service",
      ];
      const text = await run(["dbus-run-session", "--", "sh", "-c", script.join("\n")], {
        timeoutMs: TIMEOUT_MS,
      });
      return text.split(`${MARK}\n`).slice(1);
    }

    function newMedium(board: "pc" | "pi"): string {
      const at = join(folder, board);
      rmSync(at, { recursive: true, force: true });
      for (const name of ["control", "data", "firmware"]) mkdirSync(join(at, name), { recursive: true });
      for (const name of ["root-a", "root-b", "boot-a", "boot-b"])
        writeFileSync(join(at, name), new Uint8Array(4_096));
      writeFileSync(join(at, "keyring.pem"), "");
      writeFileSync(
        join(at, "control", board === "pc" ? "grubenv" : "autoboot.txt"),
        board === "pc" ? firstGrubenv() : firstAutoboot(),
      );
      starts(board, "A", "normal");
      return at;
    }

    /** As if the boot loader had started a slot. */
    function starts(board: "pc" | "pi", slot: "A" | "B", why: "normal" | "trial"): void {
      const at = join(folder, board);
      writeFileSync(
        join(at, "cmdline"),
        board === "pc" ? `rauc.slot=${slot} omerta.boot=${why}\n` : "quiet\n",
      );
      if (board === "pc") {
        const file = join(at, "control", "grubenv");
        writeFileSync(file, readFileSync(file, "latin1").replace("trial=B\n", "trial=\n").padEnd(1_024, "#"));
        return;
      }
      writeFileSync(join(at, "firmware", "partition"), Uint8Array.of(0, 0, 0, slot === "A" ? 2 : 3));
      writeFileSync(join(at, "firmware", "tryboot"), Uint8Array.of(0, 0, 0, why === "trial" ? 1 : 0));
      rmSync(join(at, "reboot"), { force: true });
    }

    test.each(["pc", "pi"] as const)(
      "tries a slot that it made active, and confirms it, on a %s",
      async (board) => {
        const at = newMedium(board);
        const [status, active, then] = await beside(board, "A", [
          "rauc status --output-format=json",
          "rauc status mark-active rootfs.1",
          "rauc status --output-format=json",
        ]);
        expect(JSON.parse(status ?? "")).toMatchObject({ booted: "A", boot_primary: "rootfs.0" });
        expect(active).toContain("activated slot rootfs.1");
        expect(JSON.parse(then ?? "").boot_primary).toBe("rootfs.1");
        if (board === "pi") expect(readFileSync(join(at, "reboot"), "utf8")).toBe("0 tryboot\n");
        else expect(readFileSync(join(at, "control/grubenv"), "latin1")).toContain("slot=A\ntrial=B\n");
        starts(board, "B", "trial");
        const [trial, good, kept] = await beside(board, "B", [
          "rauc status --output-format=json",
          "rauc status mark-good booted",
          "rauc status --output-format=json",
        ]);
        expect(JSON.parse(trial ?? "")).toMatchObject({ booted: "B", boot_primary: "rootfs.0" });
        expect(good).toContain("marked slot rootfs.1 as good");
        expect(JSON.parse(kept ?? "")).toMatchObject({ booted: "B", boot_primary: "rootfs.1" });
        const text = readFileSync(join(at, "control", board === "pc" ? "grubenv" : "autoboot.txt"), "latin1");
        expect(text).toContain(
          board === "pc" ? "slot=B\ntrial=\n" : "boot_partition=3\n[tryboot]\nboot_partition=2\n",
        );
      },
      TIMEOUT_MS * 3,
    );
  },
);
