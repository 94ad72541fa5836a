import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CASES,
  type CaseName,
  parameterSets,
  RenderError,
  type Rendered,
  render,
} from "../../../hardware/lora-case/render.ts";
import { describeNeeding } from "../../needs.ts";
import {
  type Box,
  boundingBox,
  isBlocked,
  moved,
  openEdges,
  type Point,
  parseStl,
  type Triangle,
  thinnestWall,
  unsupported,
  volume,
} from "./mesh.ts";

/** What the models promise in their own parameters: `min_wall`. */
const MIN_WALL_MM = 1.2;
/** What PLA, PETG and TPU bridge without sagging into the opening below. */
const BRIDGE_MM = 14;
/** The largest overmold of a plug (USB Type-C specification, figure 3-4). */
const USB_PLUG_MM = { width: 12.35, height: 6.5 };
/** A thread of 6.35 mm has this half square in it. */
const SMA_HALF_MM = 6.35 / 2 / Math.SQRT2 - 0.05;

interface Part {
  mesh: Triangle[];
  said: Rendered;
}

describeNeeding(["program:openscad"], "the printable cases", () => {
  let folder = "";
  const parts = new Map<string, Part>();
  const jobs = (["box-case", "phone-case"] as const).flatMap((name) =>
    Object.keys(parameterSets(name)).flatMap((set) =>
      CASES[name].parts.map((part) => ({ case: name, set, part })),
    ),
  );

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "omerta-box-case-"));
    const left = [...jobs];
    const work = async () => {
      for (let job = left.shift(); job !== undefined; job = left.shift()) {
        const to = join(folder, `${job.case}-${job.set}-${job.part}.stl`);
        const said = await render({ ...job, to });
        parts.set(`${job.case} ${job.set} ${job.part}`, { mesh: parseStl(readFileSync(to, "utf8")), said });
      }
    };
    await Promise.all([work(), work()]);
  }, 300_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function partOf(name: CaseName, set: string, part: string): Part {
    const found = parts.get(`${name} ${set} ${part}`);
    if (found === undefined) throw new Error(`${name} ${set} ${part} was not rendered`);
    return found;
  }

  /** A parameter of a set as a number; what the set leaves out has the model's own value, given here. */
  function numberOf(name: CaseName, set: string, parameter: string, otherwise = Number.NaN): number {
    return Number(parameterSets(name)[set]?.[parameter] ?? otherwise);
  }

  function pointOf(part: Part, echo: string): Point {
    const [x, y, z] = part.said.echoes[echo] ?? [];
    if (x === undefined || y === undefined) throw new Error(`The model did not say ${echo}`);
    return [x, y, z ?? Number.NaN];
  }

  const boxAt = (at: Point, size: Point): Box => ({
    from: at,
    to: [at[0] + size[0], at[1] + size[1], at[2] + size[2]],
  });

  for (const { case: name, set, part } of jobs) {
    test(`${name}, ${set}: the ${part} is one closed body that prints without supports and has no thin wall`, () => {
      const { mesh, said } = partOf(name, set, part);
      expect(said.log).not.toMatch(/warning|error/i);
      // CGAL's word for a surface without seams; builds with Manifold say nothing and give nothing else.
      if (said.log.includes("Simple:")) expect(said.log).toMatch(/Simple: +yes/);
      expect(mesh.length).toBeGreaterThan(100);
      expect(openEdges(mesh)).toBe(0);
      expect(volume(mesh)).toBeGreaterThan(1_000);
      expect(boundingBox(mesh).from[2]).toBeCloseTo(0, 3);
      expect(unsupported(mesh, BRIDGE_MM)).toEqual([]);
      const thinnest = thinnestWall(mesh);
      expect(thinnest.mm, `at ${thinnest.at}`).toBeGreaterThanOrEqual(MIN_WALL_MM - 0.01);
    }, 60_000);
  }

  for (const set of Object.keys(parameterSets("box-case"))) {
    const size = (what: string): Point => [
      numberOf("box-case", set, `${what}_length`),
      numberOf("box-case", set, `${what}_width`),
      numberOf("box-case", set, `${what}_height`),
    ];
    const hasBattery = size("battery")[0] > 0;
    // The model's own numbers, here once more: walls of 3.6, 0.5 around everything, 14 for the antenna's socket.
    const inner: Point = [
      Math.max(size("board")[0] + 1 + 14, hasBattery ? size("battery")[0] + 1 : 0),
      size("board")[1] + 1 + (hasBattery ? 1.6 + size("battery")[1] + 1 : 0),
      Math.max(2 + size("board")[2], size("battery")[2], 13.45) + 1 + 2,
    ];

    test(`box-case, ${set}: it is as large as its parameters say`, () => {
      const body = boundingBox(partOf("box-case", set, "body").mesh);
      const ears = 3.6 + 4.5 - 1.5 + 4.5;
      expect(body.from[0]).toBeCloseTo(-3.6, 3);
      expect(body.to[0]).toBeCloseTo(inner[0] + 3.6 + 4 + (4.5 + 6) / 2, 3);
      expect(body.from[1]).toBeCloseTo(-ears, 3);
      expect(body.to[1]).toBeCloseTo(inner[1] + ears, 3);
      expect(body.to[2]).toBeCloseTo(2 + inner[2], 3);
      const lid = boundingBox(partOf("box-case", set, "lid").mesh);
      expect(lid.to[0] - lid.from[0]).toBeCloseTo(inner[0] + 7.2, 3);
      expect(lid.to[2]).toBeCloseTo(3.4 + 2, 3);
    });

    test(`box-case, ${set}: board and battery fit with the lid on, the plug and the antenna's socket go through`, () => {
      const body = partOf("box-case", set, "body");
      const height = 2 + inner[2];
      const lid = moved(partOf("box-case", set, "lid").mesh, ([x, y, z]) => [
        x,
        inner[1] - y,
        height + 3.4 - z,
      ]);
      const boardAt = pointOf(body, "board_at");
      const contents = [boxAt(boardAt, size("board"))];
      if (hasBattery) contents.push(boxAt(pointOf(body, "battery_at"), size("battery")));
      for (const thing of contents) {
        expect(isBlocked(body.mesh, thing)).toBe(false);
        expect(isBlocked(lid, thing)).toBe(false);
      }
      if (contents[1]) expect(contents[1].from[1]).toBeGreaterThanOrEqual((contents[0]?.to[1] ?? 0) + 1);

      const [usbY, usbZ] = pointOf(body, "usb_at");
      expect(usbY).toBeCloseTo(boardAt[1] + size("board")[1] / 2, 3);
      const plug: Box = {
        from: [-5, usbY - USB_PLUG_MM.width / 2, usbZ - USB_PLUG_MM.height / 2],
        to: [boardAt[0], usbY + USB_PLUG_MM.width / 2, usbZ + USB_PLUG_MM.height / 2],
      };
      expect(isBlocked(body.mesh, plug)).toBe(false);
      expect(isBlocked(lid, plug)).toBe(false);

      const [antennaY, antennaZ] = pointOf(body, "antenna_at");
      const hole = (half: number): Box => ({
        from: [inner[0] - 1, antennaY - half, antennaZ - half],
        to: [inner[0] + 5, antennaY + half, antennaZ + half],
      });
      expect(isBlocked(body.mesh, hole(SMA_HALF_MM))).toBe(false);
      // There is wall for the nut, which is 8 mm across.
      expect(isBlocked(body.mesh, hole(3.9))).toBe(true);

      const [earX, earY] = pointOf(body, "first_ear");
      const screw = (half: number, z: number, depth: number): Box => ({
        from: [earX - half, earY - half, z - depth],
        to: [earX + half, earY + half, z],
      });
      // The lid lies upside down: turned over, its holes are above the body's.
      expect(isBlocked(lid, screw(1.1, height + 3.4, 3.4))).toBe(false);
      expect(isBlocked(body.mesh, screw(0.9, height, 9))).toBe(false);
    });
  }

  for (const set of Object.keys(parameterSets("phone-case"))) {
    const of = (parameter: string) => numberOf("phone-case", set, parameter);
    const phone: Point = [of("phone_width"), of("phone_height"), of("phone_thickness")];
    const board: Point = [of("board_width"), of("board_length"), of("board_height")];
    const battery: Point = [of("battery_width"), of("battery_length"), of("battery_height")];
    const inner: Point = [
      // A narrow board keeps its plug off the screw's ear.
      Math.max(board[0] + 1, 7 + 6.5 + 0.5 + board[0] / 2 + 0.5) + 1.4 + battery[0] + 1,
      Math.max(board[1] + 1 + 14, battery[1] + 1),
      Math.max(1.5 + board[2], battery[2], 11.125) + 0.5,
    ];

    test(`phone-case, ${set}: it is as large as its parameters say`, () => {
      const tray = boundingBox(partOf("phone-case", set, "tray").mesh);
      for (const start of tray.from) expect(start).toBeCloseTo(0, 3);
      expect(tray.to[0]).toBeCloseTo(phone[0] + 2 * (0.3 + 1.8), 3);
      expect(tray.to[1]).toBeCloseTo(phone[1] + 2 * (0.3 + 1.8), 3);
      expect(tray.to[2]).toBeCloseTo(2.6 + phone[2] + 0.1 + 1 + 0.8, 3);
      const pocket = boundingBox(partOf("phone-case", set, "pocket").mesh);
      expect(pocket.to[0] - pocket.from[0]).toBeCloseTo(inner[0] + 4, 3);
      expect(pocket.to[1] - pocket.from[1]).toBeCloseTo(inner[1] + 2 * (2 + 3.5 - 1 + 3.5), 3);
      expect(pocket.to[2]).toBeCloseTo(1.6 + inner[2], 3);
      expect(pocket.to[0] - pocket.from[0]).toBeLessThanOrEqual(tray.to[0]);
    });

    test(`phone-case, ${set}: the phone fits and is gripped, its camera is free`, () => {
      const tray = partOf("phone-case", set, "tray");
      const at = pointOf(tray, "phone_at");
      const corner = of("phone_corner");
      const { from, to } = boxAt(at, phone);
      // A phone has round corners: two boxes, each short of them in one direction.
      const upright: Box = { from: [from[0] + corner, from[1], from[2]], to: [to[0] - corner, to[1], to[2]] };
      const lying: Box = { from: [from[0], from[1] + corner, from[2]], to: [to[0], to[1] - corner, to[2]] };
      expect(isBlocked(tray.mesh, upright)).toBe(false);
      expect(isBlocked(tray.mesh, lying)).toBe(false);
      // Lifted by the height of the grip, it meets the rim.
      expect(isBlocked(tray.mesh, { from: lying.from, to: [to[0], lying.to[1], to[2] + 1.2] })).toBe(true);

      const camera = pointOf(tray, "camera_at");
      const round = of("camera_corner") * 0.3;
      const lens: Box = {
        from: [camera[0] + round, camera[1] + round, -1],
        to: [camera[0] + of("camera_width") - round, camera[1] + of("camera_height") - round, 3],
      };
      expect(isBlocked(tray.mesh, lens)).toBe(false);
      // Seen from the back it is on the left: in the print, seen from the phone's side, on the right.
      expect(to[0] - (camera[0] + of("camera_width"))).toBeCloseTo(of("camera_left"), 3);
      expect(to[1] - (camera[1] + of("camera_height"))).toBeCloseTo(of("camera_top"), 3);
    });

    test(`phone-case, ${set}: board and battery fit below the phone, plug and antenna go through, the screws meet`, () => {
      const pocket = partOf("phone-case", set, "pocket");
      const tray = partOf("phone-case", set, "tray");
      const height = 1.6 + inner[2];
      const onTray = pointOf(tray, "pocket_on_tray");
      const mounted = moved(tray.mesh, ([x, y, z]) => [x - onTray[0], y - onTray[1], z + height]);
      const boardAt = pointOf(pocket, "board_at");
      for (const thing of [boxAt(boardAt, board), boxAt(pointOf(pocket, "battery_at"), battery)]) {
        expect(isBlocked(pocket.mesh, thing)).toBe(false);
        expect(isBlocked(mounted, thing)).toBe(false);
      }

      const [usbX, usbZ] = pointOf(pocket, "usb_at");
      const plug: Box = {
        from: [usbX - USB_PLUG_MM.width / 2, -40, usbZ - USB_PLUG_MM.height / 2],
        to: [usbX + USB_PLUG_MM.width / 2, boardAt[1], usbZ + USB_PLUG_MM.height / 2],
      };
      expect(isBlocked(pocket.mesh, plug)).toBe(false);
      expect(isBlocked(mounted, plug)).toBe(false);

      const socket = pointOf(pocket, "antenna_at");
      const isTop = parameterSets("phone-case")[set]?.antenna_exit === "top";
      const hole = (half: number): Box => ({
        from: [socket[0] - (isTop ? half : 4), socket[1] - (isTop ? 4 : half), socket[2] - half],
        to: [socket[0] + (isTop ? half : 4), socket[1] + (isTop ? 4 : half), socket[2] + half],
      });
      expect(isBlocked(pocket.mesh, hole(SMA_HALF_MM))).toBe(false);
      expect(isBlocked(pocket.mesh, hole(3.9))).toBe(true);

      const [earX, earY] = pointOf(pocket, "first_ear");
      const screw: Box = {
        from: [earX - 0.7, earY - 0.7, height - 6],
        to: [earX + 0.7, earY + 0.7, height + 2.6],
      };
      expect(isBlocked(pocket.mesh, screw)).toBe(false);
      expect(isBlocked(mounted, screw)).toBe(false);
    });
  }

  test("a longer board makes a longer case", async () => {
    const to = join(folder, "longer.stl");
    await render({
      case: "box-case",
      set: "heltec-v3-18650",
      part: "body",
      to,
      overrides: { board_length: 90 },
    });
    const { from, to: end } = boundingBox(parseStl(readFileSync(to, "utf8")));
    expect(end[0] - from[0]).toBeCloseTo(90 + 1 + 14 + 3.6 + 3.6 + 4 + 5.25, 3);
  }, 60_000);

  test("the measure finds a thin wall where one is made", async () => {
    const to = join(folder, "thin.stl");
    await render({
      case: "box-case",
      set: "heltec-v3-18650",
      part: "lid",
      to,
      overrides: { lip_thickness: 0.8 },
    });
    expect(thinnestWall(parseStl(readFileSync(to, "utf8"))).mm).toBeCloseTo(0.8, 2);
  }, 60_000);

  const refused = async (name: CaseName, set: string, part: string, overrides: Record<string, number>) => {
    const to = join(folder, "refused.stl");
    return await render({ case: name, set, part, to, overrides }).then(
      () => "rendered",
      (error: unknown) => (error instanceof RenderError ? error.message : String(error)),
    );
  };

  test("what cannot be printed or would not fit is refused with the parameter named", async () => {
    const box = "heltec-v3-18650";
    expect(await refused("box-case", box, "body", { wall: 1 })).toContain(
      "wall and floor_thickness must not be below",
    );
    expect(await refused("box-case", box, "lid", { lid_thickness: 2 })).toContain(
      "lid_thickness leaves less",
    );
    expect(await refused("phone-case", "iphone-se-xiao", "tray", { battery_width: 60 })).toContain(
      "wider than the phone",
    );
    expect(await refused("phone-case", "iphone-se-xiao", "tray", { battery_length: 90 })).toContain(
      "covers the camera",
    );
  }, 60_000);
});
