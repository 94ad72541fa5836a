export type Point = readonly [number, number, number];

export interface Triangle {
  corners: readonly [Point, Point, Point];
  /** Outwards, of length 1. */
  normal: Point;
}

export interface Box {
  from: Point;
  to: Point;
}

const minus = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Point, b: Point): Point => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** A sliver without area keeps its place in the surface; its normal is nothing. */
function triangle(a: Point, b: Point, c: Point): Triangle {
  const across = cross(minus(b, a), minus(c, a));
  const length = Math.hypot(...across) || 1;
  return { corners: [a, b, c], normal: [across[0] / length, across[1] / length, across[2] / length] };
}

/** The triangles of an STL file in text. The normals are computed: those of the file are not looked at. */
export function parseStl(text: string): Triangle[] {
  const points = [...text.matchAll(/vertex (\S+) (\S+) (\S+)/g)].map(
    ([, x, y, z]): Point => [Number(x), Number(y), Number(z)],
  );
  const triangles: Triangle[] = [];
  for (let index = 0; index + 2 < points.length; index += 3) {
    const [a, b, c] = points.slice(index, index + 3);
    if (a && b && c) triangles.push(triangle(a, b, c));
  }
  return triangles;
}

/** The same mesh with every corner moved; `map` must not mirror. */
export function moved(mesh: readonly Triangle[], map: (point: Point) => Point): Triangle[] {
  return mesh.map(({ corners: [a, b, c] }) => triangle(map(a), map(b), map(c)));
}

export function boundingBox(mesh: readonly Triangle[]): Box {
  const points = mesh.flatMap(({ corners }) => [...corners]);
  const extreme = (pick: (...values: number[]) => number, axis: 0 | 1 | 2) =>
    points.reduce((sofar, point) => pick(sofar, point[axis]), points[0]?.[axis] ?? 0);
  return {
    from: [extreme(Math.min, 0), extreme(Math.min, 1), extreme(Math.min, 2)],
    to: [extreme(Math.max, 0), extreme(Math.max, 1), extreme(Math.max, 2)],
  };
}

/** Edges that do not lie between exactly two triangles of opposite sense: none in a closed surface. */
export function openEdges(mesh: readonly Triangle[]): number {
  const balance = new Map<string, number>();
  const name = (point: Point) => point.join(" ");
  for (const { corners } of mesh) {
    corners.forEach((from, index) => {
      const start = name(from);
      const end = name(corners[(index + 1) % 3] ?? from);
      const [key, step] = start < end ? [`${start}|${end}`, 1] : [`${end}|${start}`, -1];
      balance.set(key, (balance.get(key) ?? 0) + step);
    });
  }
  return [...balance.values()].filter((value) => value !== 0).length;
}

/** In cubic mm; positive when the surface looks outwards. */
export function volume(mesh: readonly Triangle[]): number {
  return mesh.reduce((sum, { corners: [a, b, c] }) => sum + dot(a, cross(b, c)) / 6, 0);
}

/** How far along a ray a triangle is; undefined when the ray misses it (Möller and Trumbore). */
function distance(from: Point, along: Point, { corners: [a, b, c] }: Triangle): number | undefined {
  const ab = minus(b, a);
  const ac = minus(c, a);
  const p = cross(along, ac);
  const determinant = dot(ab, p);
  if (Math.abs(determinant) < 1e-12) return undefined;
  const t = minus(from, a);
  const u = dot(t, p) / determinant;
  if (u < 0 || u > 1) return undefined;
  const q = cross(t, ab);
  const v = dot(along, q) / determinant;
  if (v < 0 || u + v > 1) return undefined;
  const far = dot(ac, q) / determinant;
  return far > 1e-6 ? far : undefined;
}

/** The least thickness between two parallel faces, measured inwards from several points of every triangle, in mm. */
export function thinnestWall(mesh: readonly Triangle[]): { mm: number; at: Point } {
  let thinnest: { mm: number; at: Point } = { mm: Number.POSITIVE_INFINITY, at: [0, 0, 0] };
  for (const { corners, normal } of mesh) {
    const inwards: Point = [-normal[0], -normal[1], -normal[2]];
    for (const weights of SAMPLES) {
      const at = mixed(corners, weights);
      let nearest = Number.POSITIVE_INFINITY;
      let facing = 0;
      for (const other of mesh) {
        const far = distance(at, inwards, other);
        if (far !== undefined && far < nearest) {
          nearest = far;
          facing = dot(other.normal, normal);
        }
      }
      if (facing < -0.98 && nearest < thinnest.mm) thinnest = { mm: nearest, at };
    }
  }
  return thinnest;
}

/** Inside a triangle, off its middle lines, so that a ray does not run along an edge of what it hits. */
const SAMPLES: readonly Point[] = [
  [0.31, 0.33, 0.36],
  [0.81, 0.11, 0.08],
  [0.09, 0.8, 0.11],
];

function mixed([a, b, c]: Triangle["corners"], [u, v, w]: Point): Point {
  const along = (axis: 0 | 1 | 2) => a[axis] * u + b[axis] * v + c[axis] * w;
  return [along(0), along(1), along(2)];
}

/** Whether any of the surface is inside a box, or all of the box inside the body. Touching within 0.02 mm is not. */
export function isBlocked(mesh: readonly Triangle[], box: Box): boolean {
  const half: Point = [
    (box.to[0] - box.from[0]) / 2 - 0.02,
    (box.to[1] - box.from[1]) / 2 - 0.02,
    (box.to[2] - box.from[2]) / 2 - 0.02,
  ];
  const middle: Point = [
    (box.from[0] + box.to[0]) / 2,
    (box.from[1] + box.to[1]) / 2,
    (box.from[2] + box.to[2]) / 2,
  ];
  return mesh.some((face) => meets(face, middle, half)) || isInside(mesh, middle);
}

const AXES: readonly Point[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** Whether a triangle meets a box: no axis separates them (Akenine-Möller, 2001). */
function meets(face: Triangle, middle: Point, half: Point): boolean {
  const corners = face.corners.map((corner) => minus(corner, middle));
  const [a, b, c] = corners;
  if (!a || !b || !c) return false;
  const edges = [minus(b, a), minus(c, b), minus(a, c)];
  const axes = [...AXES, face.normal, ...edges.flatMap((edge) => AXES.map((axis) => cross(edge, axis)))];
  return axes.every((axis) => {
    const reach = half[0] * Math.abs(axis[0]) + half[1] * Math.abs(axis[1]) + half[2] * Math.abs(axis[2]);
    const along = corners.map((corner) => dot(corner, axis));
    return Math.min(...along) <= reach && Math.max(...along) >= -reach;
  });
}

function isInside(mesh: readonly Triangle[], point: Point): boolean {
  // A direction that runs along no edge of these models.
  const along: Point = [0.577, 0.211, 0.789];
  return mesh.filter((face) => distance(point, along, face) !== undefined).length % 2 === 1;
}

/**
 * Faces that look down and have nothing below: steeper than 45 degrees, or flat and longer than a bridge. The bed is
 * at the lowest point.
 */
export function unsupported(mesh: readonly Triangle[], bridgeMm: number): Point[] {
  const bed = boundingBox(mesh).from[2];
  const hanging = mesh.filter(
    ({ normal, corners }) => normal[2] < -0.72 && corners.some((corner) => corner[2] > bed + 0.05),
  );
  const isFlat = ({ normal }: Triangle) => normal[2] < -0.999;
  const steep = hanging.filter((face) => !isFlat(face)).map(({ corners }) => corners[0]);
  const tooLong = ceilings(hanging.filter(isFlat)).filter((faces) => {
    const { from, to } = boundingBox(faces);
    return Math.max(to[0] - from[0], to[1] - from[1]) > bridgeMm;
  });
  return [...steep, ...tooLong.flatMap(([face]) => (face === undefined ? [] : [face.corners[0]]))];
}

/** Triangles that share corners, put together. */
function ceilings(faces: readonly Triangle[]): Triangle[][] {
  const left = new Set(faces);
  const groups: Triangle[][] = [];
  for (const first of faces) {
    if (!left.delete(first)) continue;
    const group = [first];
    for (const face of group) {
      const corners = new Set(face.corners.map(String));
      for (const other of left) {
        if (!other.corners.some((corner) => corners.has(String(corner)))) continue;
        left.delete(other);
        group.push(other);
      }
    }
    groups.push(group);
  }
  return groups;
}
