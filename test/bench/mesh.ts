import { cpus } from "node:os";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import type { Lab } from "../lab/lab.ts";
import { dualHomedPairs, flatLan } from "../lab/mesh-shapes.ts";
import { MeshTopology } from "../lab/mesh-topology.ts";
import type { Bench, BenchContext } from "./bench.ts";
import { OwnFleet } from "./mesh/own-fleet.ts";
import { babeld } from "./mesh/reference-babeld.ts";
import { type DaemonKind, ReferenceDaemon } from "./mesh/reference-daemon.ts";
import { yggdrasil } from "./mesh/reference-yggdrasil.ts";
import { type BenchRow, benchRow } from "./report.ts";

/** How many boxes, and how long they may take from the start of the first; then what they have come to is told. */
const SIZES = [
  { size: 10, limitS: 120 },
  { size: 30, limitS: 300 },
  { size: 100, limitS: 600 },
] as const;
/** More of them only wait for each other: while they find each other, each wants a processor for five seconds and more. */
const MOST_A_PROCESSOR = 20;
const MOST = MOST_A_PROCESSOR * cpus().length;
const FAILOVER = "failover";
const PAIRS = 50;
/** babeld at the pace at which the box proves its ways. */
const BABELD_HELLO_S = 1;

/** How soon boxes find each other, how soon they get over a fault, and what that costs. */
export const mesh: Bench = {
  name: "mesh",
  summary: "the mesh: convergence, failover, idle traffic and memory, against yggdrasil and babeld",
  notes: [
    "One process a box or daemon, each in a network namespace, all on one flat LAN; for failover, two with two wires.",
    "Converged: of the box's mesh, from the start of the first process until every box has the signed record of every other and is connected with some; of the references, until every host has had an answer of every other. Certificates are checked on the way, which the references do not have.",
    `Whoever has not converged after ${SIZES.map(({ size, limitS }) => `${limitS} s (${size} boxes)`).join(", ")} is left there: what needs a network that has formed is not measured then, and how many of all pairs know each other tells how far it came.`,
    "CPU: what one process has used by then, in user and kernel mode; the boxes' start, Bun reading some 1,000 modules, is half a second of it.",
    `yggdrasil has no intervals to set. babeld says hello every ${BABELD_HELLO_S} s here, as often as the box proves a way in use; its default is 4 s, and it notices a black hole four times as late then.`,
    "Failover: a message, or a question and its answer, every 50 ms; the longest time in which nothing arrived.",
    "Memory: resident, what processes share counted once. Most of a box's is Bun and libp2p.",
    `No more than ${MOST_A_PROCESSOR} boxes a processor are started, of the references neither: where 100 are asked for, ${Math.min(100, MOST)} stand for them here.`,
    `These processors carry all processes: ${cpus().length}. From some tens of boxes on, how soon they converge is the machine's as much as the mesh's.`,
  ],
  parts: [...SIZES.map(({ size }) => `${size}`), FAILOVER],
  async run(context) {
    const rows: BenchRow[] = [];
    const sizes = new Set<number>();
    for (const { size, limitS } of context.quick ? SIZES.slice(0, 1) : SIZES) {
      const started = Math.min(size, MOST);
      // On few processors the larger sizes are the same.
      if (!context.wants(`${size}`) || sizes.has(started)) continue;
      sizes.add(started);
      rows.push(...(await fleetRows(context, started, limitS * 1_000)));
    }
    if (context.wants(FAILOVER)) rows.push(...(await failoverRows(context)));
    return rows;
  },
};

interface Fleet {
  start(timeoutMs: number): Promise<void>;
  convergedMs(timeoutMs: number): Promise<number>;
  knownShare(): Promise<number>;
  cpuS(): number;
  rssMiB(): number;
  idleBytesPerHour(forMs?: number): Promise<number>;
  stop(): Promise<void>;
}

/** NaN: not measured. */
interface FleetFigures {
  convergedS: number;
  knownPercent: number;
  cpuS: number;
  rssMiB: number;
  idleKbHour: number;
}

async function measured(
  fleet: Fleet,
  { limitMs, settleMs, progress }: { limitMs: number; settleMs: number; progress: (text: string) => void },
  meanwhile: () => Promise<void> = async () => {},
): Promise<FleetFigures> {
  let convergedS = Number.NaN;
  let idleKbHour = Number.NaN;
  try {
    try {
      await fleet.start(limitMs);
      convergedS = (await fleet.convergedMs(limitMs)) / 1_000;
    } catch (error) {
      progress(`not converged: ${error instanceof Error ? error.message : String(error)}`);
    }
    const cpuS = fleet.cpuS();
    const knownPercent = (await fleet.knownShare()) * 100;
    if (!Number.isNaN(convergedS)) {
      await meanwhile();
      // What follows a start is no idling.
      await Bun.sleep(settleMs);
      idleKbHour = (await fleet.idleBytesPerHour()) / 1_000;
    }
    return { convergedS, knownPercent, cpuS, rssMiB: fleet.rssMiB(), idleKbHour };
  } finally {
    await fleet.stop();
  }
}

async function fleetRows(
  { lab, quick, progress }: BenchContext,
  size: number,
  limitMs: number,
): Promise<BenchRow[]> {
  const topology = (tag: string) => MeshTopology.build(lab, flatLan(size), `${tag}${size}-`);
  const bounds = { limitMs, settleMs: quick ? 20_000 : 60_000, progress };
  progress(`${size} boxes`);
  const own = new OwnFleet(lab, await topology("o"), `b${size}-`);
  let messages: number[] = [];
  const ours = await measured(own, bounds, async () => {
    messages = await own.messageMs(quick ? 10 : PAIRS, seededRandom(size));
  });
  progress(`${size} times yggdrasil`);
  const reference = await measured(new ReferenceDaemon(yggdrasil(), lab, await topology("y")), bounds);
  const compared = (name: string, unit: string, of: keyof FleetFigures) =>
    benchRow({
      name: `${size} boxes: ${name}`,
      unit,
      ours: ours[of],
      reference: reference[of],
      referenceName: "yggdrasil",
    });
  const alone = (name: string, value: number) =>
    benchRow({ name: `${size} boxes: ${name}`, unit: "ms", ours: value });
  return [
    compared("converged", "s", "convergedS"),
    compared("pairs that know each other", "%", "knownPercent"),
    compared("CPU of one by then", "s", "cpuS"),
    alone("first message between any two, median", messages[Math.floor(messages.length / 2)] ?? Number.NaN),
    alone(`the slowest of ${messages.length}`, messages.at(-1) ?? Number.NaN),
    compared("sent an hour by one while idle", "kB", "idleKbHour"),
    compared("memory of one", "MiB", "rssMiB"),
  ];
}

async function failoverRows({ lab, progress }: BenchContext): Promise<BenchRow[]> {
  progress("failover");
  const pair = (tag: string) => MeshTopology.build(lab, dualHomedPairs(1), tag);
  const topology = await pair("fo");
  const own = new OwnFleet(lab, topology, "f");
  const ours: { down: number; hole: number } = { down: Number.NaN, hole: Number.NaN };
  try {
    await own.start();
    await own.convergedMs();
    ours.down = await own.failoverMs((segment) => topology.faults.interfaceDown(0, segment));
    ours.hole = await own.failoverMs((segment) => topology.faults.blackHole(0, segment));
  } finally {
    await own.stop();
  }
  const rows: BenchRow[] = [];
  for (const [tag, kind] of [
    ["fb", babeld(BABELD_HELLO_S)],
    ["fy", yggdrasil()],
  ] as const) {
    progress(`failover of ${kind.name}`);
    const theirs = await referenceFailover(lab, await pair(tag), kind);
    const about = { unit: "s", referenceName: `${kind.name} (${kind.intervals})` };
    rows.push(
      benchRow({
        ...about,
        name: "two wires, the interface in use is set down: silence",
        ours: ours.down / 1_000,
        reference: theirs.down / 1_000,
        goal: { of: "ours", below: 1 },
      }),
      benchRow({
        ...about,
        name: "two wires, the one in use turns into a black hole: silence",
        ours: ours.hole / 1_000,
        reference: theirs.hole / 1_000,
        goal: { of: "ours", below: 2.5 },
      }),
    );
  }
  return rows;
}

async function referenceFailover(lab: Lab, topology: MeshTopology, kind: DaemonKind) {
  const daemon = new ReferenceDaemon(kind, lab, topology);
  try {
    await daemon.start();
    await daemon.convergedMs();
    await Bun.sleep(5_000);
    const down = await daemon.failoverMs((segment) => topology.faults.interfaceDown(0, segment));
    await Bun.sleep(15_000);
    const hole = await daemon.failoverMs((segment) => topology.faults.blackHole(0, segment));
    return { down, hole };
  } finally {
    await daemon.stop();
  }
}
