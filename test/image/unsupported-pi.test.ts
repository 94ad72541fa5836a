import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  COLOURS,
  DOTS,
  UNSUPPORTED_TEXT,
  unsupportedDots,
  unsupportedPiProgram,
} from "../../image-build/boot/unsupported-pi.ts";
import { describeNeeding } from "../needs.ts";

const TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 500;

/** Takes pictures of a board's screen until there is the one that is wanted, or the time is over. */
async function startBoard(board: string, folder: string, isAsWanted: (picture: Picture) => boolean) {
  const [kernel, serial, shot] = ["kernel.img", "serial.txt", "screen.ppm"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  writeFileSync(kernel, unsupportedPiProgram());
  const machine = Bun.spawn(
    // What QEMU calls the firmware of these boards lies where the real one puts a kernel, and gets no help.
    ["nice", "qemu-system-arm", "-machine", board, "-display", "none", "-bios", kernel].concat([
      "-serial",
      `file:${serial}`,
      "-qmp",
      "stdio",
    ]),
    { stdin: "pipe", stdout: "ignore", stderr: "inherit" },
  );
  const say = (command: object) => {
    machine.stdin.write(`${JSON.stringify(command)}\n`);
    machine.stdin.flush();
  };
  try {
    say({ execute: "qmp_capabilities" });
    const until = performance.now() + TIMEOUT_MS;
    for (;;) {
      say({ execute: "screendump", arguments: { filename: shot } });
      await Bun.sleep(LOOK_EVERY_MS);
      const picture = pictureIn(shot);
      if ((picture && isAsWanted(picture)) || performance.now() > until)
        return { picture, said: readFileSync(serial, "latin1") };
    }
  } finally {
    machine.kill("SIGKILL");
    await machine.exited;
  }
}

interface Picture {
  width: number;
  height: number;
  /** 0xRRGGBB of each pixel, row by row. */
  pixels: readonly number[];
}

/** A PPM file of three bytes a pixel (ppm(5)); undefined where there is none yet, or half of one. */
function pictureIn(path: string): Picture | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const head = /^P6\n(\d+) (\d+)\n255\n/.exec(bytes.toString("latin1", 0, 40));
  const [width, height] = [Number(head?.[1]), Number(head?.[2])];
  const at = head?.[0].length ?? 0;
  if (bytes.length !== at + width * height * 3) return undefined;
  const pixels = Array.from({ length: width * height }, (_, index) => bytes.readUIntBE(at + index * 3, 3));
  return { width, height, pixels };
}

/** The screen as it is to be. */
function wantedPixels(): number[] {
  const { firstRow, rows } = unsupportedDots();
  return Array.from({ length: DOTS.height * 2 }, (_, y) =>
    Array.from({ length: DOTS.width * 2 }, (_, x) =>
      rows[Math.floor(y / 2) - firstRow]?.[Math.floor(x / 2)] ? COLOURS.text : COLOURS.ground,
    ),
  ).flat();
}

describeNeeding(["program:qemu-system-arm"], "a Raspberry Pi that cannot run the box", () => {
  test.each(["raspi0", "raspi1ap", "raspi2b"])(
    "says so on its screen and its serial line, emulated as %s",
    async (board) => {
      const folder = mkdtempSync(join(tmpdir(), "omb-image-pi-"));
      try {
        const wanted = wantedPixels();
        const isAsWanted = ({ pixels }: Picture) => Bun.deepEquals(pixels, wanted);
        const { picture, said } = await startBoard(board, folder, isAsWanted);
        expect(said).toBe(`\r\n${UNSUPPORTED_TEXT.join("\r\n")}\r\n`);
        expect([picture?.width, picture?.height]).toEqual([DOTS.width * 2, DOTS.height * 2]);
        expect(picture && isAsWanted(picture)).toBe(true);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    2 * TIMEOUT_MS,
  );
});
