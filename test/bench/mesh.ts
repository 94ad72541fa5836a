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

/** 100 processes of this weight, with their handshakes, are more than two cores bring up in a quarter of an hour. */
const SIZES = [10, 30];
const QUICK_SIZES = [10];
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
    `yggdrasil has no intervals to set. babeld says hello every ${BABELD_HELLO_S} s here, as often as the box proves a way in use; its default is 4 s, and it notices a black hole four times as late then.`,
    "Failover: a message, or a question and its answer, every 50 ms; the longest time in which nothing arrived.",
    "Memory: resident, what processes share counted once. Most of a box's is Bun and libp2p.",
    "Two cores carry all processes, so convergence at 30 is the machine's as much as the mesh's; 100 boxes are not measured for that reason.",
  ],
  async run(context) {
    const rows: BenchRow[] = [];
    for (const size of context.quick ? QUICK_SIZES : SIZES) rows.push(...(await fleetRows(context, size)));
    rows.push(...(await failoverRows(context)));
    return rows;
  },
};

interface Fleet {
  start(): Promise<void>;
  convergedMs(): Promise<number>;
  rssMiB(): number;
  idleBytesPerHour(forMs?: number): Promise<number>;
  stop(): Promise<void>;
}

interface FleetFigures {
  convergedS: number;
  rssMiB: number;
  idleKbHour: number;
}

async function measured(
  fleet: Fleet,
  settleMs: number,
  meanwhile: () => Promise<void> = async () => {},
): Promise<FleetFigures> {
  try {
    await fleet.start();
    const convergedS = (await fleet.convergedMs()) / 1_000;
    await meanwhile();
    // What follows a start is no idling.
    await Bun.sleep(settleMs);
    const idleKbHour = (await fleet.idleBytesPerHour()) / 1_000;
    return { convergedS, rssMiB: fleet.rssMiB(), idleKbHour };
  } finally {
    await fleet.stop();
  }
}

async function fleetRows({ lab, quick, progress }: BenchContext, size: number): Promise<BenchRow[]> {
  const topology = (tag: string) => MeshTopology.build(lab, flatLan(size), `${tag}${size}-`);
  progress(`${size} boxes`);
  const own = new OwnFleet(lab, await topology("o"), `b${size}-`);
  let messages: number[] = [];
  const settleMs = quick ? 20_000 : 60_000;
  const ours = await measured(own, settleMs, async () => {
    messages = await own.messageMs(quick ? 10 : PAIRS, seededRandom(size));
  });
  progress(`${size} times yggdrasil`);
  const reference = await measured(new ReferenceDaemon(yggdrasil(), lab, await topology("y")), settleMs);
  const compare = { referenceName: "yggdrasil" };
  return [
    benchRow({
      name: `${size} boxes: converged`,
      unit: "s",
      ours: ours.convergedS,
      reference: reference.convergedS,
      ...compare,
    }),
    benchRow({
      name: `${size} boxes: first message between any two, median`,
      unit: "ms",
      ours: messages[Math.floor(messages.length / 2)] ?? Number.NaN,
    }),
    benchRow({
      name: `${size} boxes: the slowest of ${messages.length}`,
      unit: "ms",
      ours: messages.at(-1) ?? Number.NaN,
    }),
    benchRow({
      name: `${size} boxes: sent an hour by one while idle`,
      unit: "kB",
      ours: ours.idleKbHour,
      reference: reference.idleKbHour,
      ...compare,
    }),
    benchRow({
      name: `${size} boxes: memory of one`,
      unit: "MiB",
      ours: ours.rssMiB,
      reference: reference.rssMiB,
      ...compare,
    }),
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
