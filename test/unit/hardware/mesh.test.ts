import { describe, expect, test } from "bun:test";
import {
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

const CORNERS = "000 100 110 010 001 101 111 011";
/** Two triangles a face, outwards, by the corners above. */
const FACES = "021 032 456 467 015 054 126 165 237 276 304 347";

function cuboid([x, y, z]: Point, [width, depth, height]: Point): Triangle[] {
  const corners = CORNERS.split(" ").map(
    (at): Point => [x + Number(at[0]) * width, y + Number(at[1]) * depth, z + Number(at[2]) * height],
  );
  const lines = FACES.split(" ").flatMap((face) =>
    [...face].map((index) => corners[Number(index)]?.join(" ")),
  );
  return parseStl(lines.map((line) => `vertex ${line}`).join("\n"));
}

describe("measuring a mesh", () => {
  const plate = cuboid([0, 0, 0], [20, 10, 2]);

  test("a closed body has no open edge, its volume and its size; with a triangle missing it is open", () => {
    expect(openEdges(plate)).toBe(0);
    expect(volume(plate)).toBeCloseTo(400, 6);
    expect(boundingBox(plate)).toEqual({ from: [0, 0, 0], to: [20, 10, 2] });
    expect(openEdges(plate.slice(1))).toBe(3);
    expect(volume(moved(plate, ([x, y, z]) => [x + 100, -y, -z]))).toBeCloseTo(400, 6);
  });

  test("the thinnest wall is the least distance between parallel faces", () => {
    expect(thinnestWall(plate).mm).toBeCloseTo(2, 6);
    expect(thinnestWall([...plate, ...cuboid([0, 0, 5], [20, 0.4, 9])]).mm).toBeCloseTo(0.4, 6);
  });

  test("a box is blocked by a surface in it and by a body around it, not by one that it touches", () => {
    expect(isBlocked(plate, { from: [5, 5, 2], to: [8, 8, 9] })).toBe(false);
    expect(isBlocked(plate, { from: [5, 5, 1.9], to: [8, 8, 9] })).toBe(true);
    expect(isBlocked(plate, { from: [5, 5, 0.5], to: [8, 8, 1.5] })).toBe(true);
    expect(isBlocked(plate, { from: [21, 0, 0], to: [25, 10, 2] })).toBe(false);
    // Across the whole body, with no corner of either in the other.
    expect(isBlocked(plate, { from: [-5, 4, 0.5], to: [30, 5, 1] })).toBe(true);
  });

  test("a flat ceiling may be as long as a bridge; a roof steeper than 45 degrees may not be at all", () => {
    expect(unsupported(plate, 14)).toEqual([]);
    const legs = [...cuboid([0, 0, 0], [2, 10, 5]), ...cuboid([2, 0, 5], [12, 10, 2])];
    expect(unsupported(legs, 14)).toEqual([]);
    expect(unsupported(legs, 11)).not.toEqual([]);
    const lean = (per: number) => moved(cuboid([0, 0, 0], [2, 2, 5]), ([x, y, z]) => [x + per * z, y, z]);
    expect(unsupported(lean(0.9), 14)).toEqual([]);
    expect(unsupported(lean(1.3), 14)).not.toEqual([]);
  });
});
