import type { Cause } from "../host-first/index.ts";
import { isSameShape, type Shape, shapeText } from "./shape.ts";

export interface PoolPolicy {
  /** Of which shapes machines wait in any case, the most wanted first. */
  shapes: readonly Shape[];
  /** Machines of each shape that wait; 0: none does, and one is made of the file when a lease comes. */
  keep: number;
  /** Shapes at the most, those that were asked for without standing in `shapes` among them. */
  mostShapes: number;
  /** Whoever asks so often within this time for the same shape finds it the next time. */
  demandFrom: number;
  demandMs: number;
  /** What files and machines that wait may take together, and what has to stay available beside them. */
  memoryShareMiB: number;
  keptMemoryMiB: number;
}

export const USUAL_POOL: PoolPolicy = {
  shapes: [],
  keep: 2,
  mostShapes: 2,
  demandFrom: 2,
  demandMs: 3_600_000,
  memoryShareMiB: 1_024,
  keptMemoryMiB: 256,
};

/** Somebody has asked for a machine of this shape. */
export interface Asked {
  shape: Shape;
  /** Monotonic. */
  atMs: number;
}

/** What there is of one shape. */
export interface Stock {
  shape: Shape;
  /** The saved machine that others are made of. */
  hasFile: boolean;
  /** Machines that wait. */
  machines: number;
  /** MiB that the file takes, and that one machine takes while it waits. */
  fileMiB: number;
  machineMiB: number;
}

export interface PoolSight {
  stock: readonly Stock[];
  asked: readonly Asked[];
  /** Names of the images that there are. */
  images: readonly string[];
  /** Shapes of which something could not be made a short while ago. */
  failing: readonly Shape[];
  /** What the box has too little of for its own work. */
  causes: readonly Cause[];
  availableMemoryMiB: number;
  nowMs: number;
}

/** What is to be done next; one thing at a time, so that its effect is seen before the next. */
export type PoolStep =
  | { do: "makeFile" | "makeMachine" | "dropMachine" | "dropFile"; shape: Shape; why: string }
  | undefined;

/**
 * The pool's next step. It gives back before it makes: all machines, then all files, where the box needs its memory; what
 * nobody wants any more; and nothing is made while the box needs itself for anything, or where it would not fit.
 */
export function planPool(policy: PoolPolicy, sight: PoolSight): PoolStep {
  const wanted = wantedShapes(policy, sight);
  return givenBack(policy, sight, wanted) ?? made(policy, sight, wanted);
}

/** The most wanted first: what the configuration names, then what was asked for most often. */
export function wantedShapes(policy: PoolPolicy, { asked, images, nowMs }: PoolSight): Shape[] {
  const lately = asked.filter(({ atMs }) => nowMs - atMs < policy.demandMs);
  const often = [...Map.groupBy(lately, ({ shape }) => shapeText(shape)).values()]
    .filter((some) => some.length >= policy.demandFrom)
    .sort((one, other) => other.length - one.length);
  const shapes: Shape[] = [];
  for (const shape of [...policy.shapes, ...often.flatMap(([first]) => (first ? [first.shape] : []))])
    if (images.includes(shape.image) && !shapes.some((one) => isSameShape(one, shape))) shapes.push(shape);
  return shapes.slice(0, policy.mostShapes);
}

function givenBack(policy: PoolPolicy, sight: PoolSight, wanted: readonly Shape[]): PoolStep {
  const { stock, causes } = sight;
  const rank = ({ shape }: Stock) => {
    const at = wanted.findIndex((one) => isSameShape(one, shape));
    return at < 0 ? wanted.length : at;
  };
  const leastFirst = stock.toSorted((one, other) => rank(other) - rank(one));
  const drop = (one: Stock | undefined, what: "dropMachine" | "dropFile", why: string): PoolStep =>
    one && { do: what, shape: one.shape, why };
  const leastWithMachine = leastFirst.find(({ machines }) => machines > 0);
  const leastWithFile = leastFirst.find(({ hasFile }) => hasFile);
  if (causes.includes("memory")) {
    const why = "the box needs its memory";
    return drop(leastWithMachine, "dropMachine", why) ?? drop(leastWithFile, "dropFile", why);
  }
  const isUnwanted = (one: Stock) => rank(one) === wanted.length;
  const nobodys = "nobody asks for it any more";
  const step =
    drop(
      leastFirst.find((one) => isUnwanted(one) && one.machines > 0),
      "dropMachine",
      nobodys,
    ) ??
    drop(
      leastFirst.find((one) => isUnwanted(one) && one.hasFile),
      "dropFile",
      nobodys,
    ) ??
    drop(
      leastFirst.find(({ machines }) => machines > policy.keep),
      "dropMachine",
      "there are more than wait usually",
    );
  if (step) return step;
  if (takenMiB(stock) > policy.memoryShareMiB)
    return drop(leastWithMachine, "dropMachine", "the pool has more than its share");
  // Half of what is kept, so that what was just made for the last of it does not go again.
  if (sight.availableMemoryMiB < policy.keptMemoryMiB / 2)
    return drop(leastWithMachine, "dropMachine", "too little memory is left");
  return undefined;
}

function made(policy: PoolPolicy, sight: PoolSight, wanted: readonly Shape[]): PoolStep {
  const { stock, causes, availableMemoryMiB, failing } = sight;
  if (causes.length > 0) return undefined;
  const makeable = wanted.filter((shape) => !failing.some((one) => isSameShape(one, shape)));
  const freeMiB = Math.min(
    policy.memoryShareMiB - takenMiB(stock),
    availableMemoryMiB - policy.keptMemoryMiB,
  );
  const of = (shape: Shape) => stock.find((one) => isSameShape(one.shape, shape));
  const withoutFile = makeable.find((shape) => !of(shape)?.hasFile);
  // The file is made by a machine of full size, beside what is written.
  if (withoutFile && withoutFile.memoryMiB * 2 <= freeMiB)
    return { do: "makeFile", shape: withoutFile, why: "there is none to make machines of" };
  // One of each before a second of any.
  for (let count = 0; count < policy.keep; count += 1) {
    const lacking = makeable.map(of).find((one) => one?.hasFile && one.machines <= count);
    if (lacking && lacking.machineMiB + lacking.fileMiB <= freeMiB)
      return { do: "makeMachine", shape: lacking.shape, why: `${lacking.machines} of ${policy.keep} wait` };
  }
  return undefined;
}

const takenMiB = (stock: readonly Stock[]): number =>
  stock.reduce(
    (sum, { hasFile, fileMiB, machines, machineMiB }) =>
      sum + (hasFile ? fileMiB : 0) + machines * machineMiB,
    0,
  );
