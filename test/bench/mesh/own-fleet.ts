import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/host/clock.ts";
import { Memberships, openDeviceKey } from "../../../src/identity/index.ts";
import { type Lab, until } from "../../lab/lab.ts";
import { MeshBox } from "../../lab/mesh-box.ts";
import type { Restore } from "../../lab/mesh-faults.ts";
import type { MeshTopology } from "../../lab/mesh-topology.ts";
import { SteadyTraffic } from "../../lab/steady-traffic.ts";
import { cpuSeconds } from "../cpu-time.ts";
import { residentKiB } from "../resident-memory.ts";

/** Boxes that are started together; all at once would measure two cores' patience. */
const AT_ONCE = 6;
const SETTLE_MS = 1_500;
/** A box that does not answer within this is too busy to be asked. */
const ANSWER_MS = 10_000;

/** The box's own mesh on every host of a topology, measured as the reference daemons are. */
export class OwnFleet {
  private boxes: MeshBox[] = [];
  private startedMs = 0;

  constructor(
    private readonly lab: Lab,
    private readonly topology: MeshTopology,
    private readonly name: string,
  ) {}

  /**
   * One network for all, by an invite that names no address: they have to find each other.
   * @throws when not all answer in time
   */
  async start(timeoutMs = 120_000): Promise<void> {
    const link = this.invite();
    this.boxes = this.topology.hosts.map(
      (host, index) => new MeshBox(this.lab, host, `${this.name}${index}`, { config: { invites: [link] } }),
    );
    this.startedMs = performance.now();
    const waiting = [...this.boxes];
    const startNext = async () => {
      for (let box = waiting.shift(); box; box = waiting.shift())
        await box.start(timeoutMs - (performance.now() - this.startedMs));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, startNext));
  }

  /**
   * From the start of the first until each knows all the others and is connected with some.
   * @throws when that takes longer than `timeoutMs`, from the start on
   */
  async convergedMs(timeoutMs = 180_000): Promise<number> {
    const others = this.boxes.length - 1;
    for (const box of this.boxes) {
      await until(
        `${box.name} to know ${others}`,
        async () => {
          const { known, connected } = await box.network();
          return known >= others && connected >= Math.min(2, others);
        },
        timeoutMs - (performance.now() - this.startedMs),
      );
    }
    return performance.now() - this.startedMs;
  }

  /** How many of all pairs know each other, 0 to 1; boxes that do not answer know nobody. */
  async knownShare(): Promise<number> {
    const others = this.boxes.length - 1;
    const known = await Promise.all(
      this.boxes.map((box) =>
        Promise.race([
          box.network().then(
            (network) => Math.min(others, network.known),
            () => 0,
          ),
          Bun.sleep(ANSWER_MS).then(() => 0),
        ]),
      ),
    );
    return known.reduce((sum, count) => sum + count, 0) / (this.boxes.length * others);
  }

  /** CPU time of one since its start, the mean of all. */
  cpuS(): number {
    return cpuSeconds(this.pids) / this.pids.length;
  }

  /** So many pairs taken at random, one message each. @returns how long each took, sorted; Infinity for one that never arrived */
  async messageMs(pairs: number, random: () => number): Promise<number[]> {
    const took: number[] = [];
    const pick = () => this.boxes[Math.floor(random() * this.boxes.length)];
    for (let count = 0; count < pairs; ) {
      const [from, to] = [pick(), pick()];
      if (!from || !to || from === to) continue;
      count += 1;
      const { end } = await to.listen();
      const eachMs = await from.send(await to.peer(), "hello", { timeoutMs: 20_000 }).then(
        ({ tookMs }) => tookMs,
        () => Number.POSITIVE_INFINITY,
      );
      took.push(eachMs);
      end();
    }
    return took.sort((a, b) => a - b);
  }

  /** The longest time in which nothing arrived, with a message every 50 ms, while a fault strikes the way that is taken. */
  async failoverMs(fault: (segment: number) => Promise<Restore>, forMs = 8_000): Promise<number> {
    const [from, to] = this.boxes;
    if (!from || !to) throw new Error("no pair");
    const segment = await this.segmentTaken(from);
    const traffic = await SteadyTraffic.begin(from, to);
    await Bun.sleep(SETTLE_MS);
    const restore = await fault(segment);
    await Bun.sleep(forMs);
    const { gapMs, sent, heard } = await traffic.stop();
    await restore();
    if (heard !== sent) throw new Error(`${sent - heard} of ${sent} messages never arrived`);
    return gapMs;
  }

  /** Mean of all. */
  rssMiB(): number {
    return residentKiB(this.pids) / 1024 / this.pids.length;
  }

  /** What one box sends in an hour by all of its interfaces while nobody uses the mesh, the mean of all. */
  async idleBytesPerHour(forMs = 30_000): Promise<number> {
    const [before, from] = [await this.sentBytes(), performance.now()];
    await Bun.sleep(forMs);
    const [after, tookMs] = [await this.sentBytes(), performance.now() - from];
    return ((after - before) / this.boxes.length) * (3_600_000 / tookMs);
  }

  async stop(): Promise<void> {
    await Promise.all(this.boxes.splice(0).map((box) => box.stop("SIGKILL")));
  }

  /** Of those that have been started. */
  private get pids(): number[] {
    return this.boxes.flatMap(({ pid }) => (pid === 0 ? [] : [pid]));
  }

  /** A network made aside, on no box. */
  private invite(): string {
    const folder = join(this.lab.folder, `${this.name}-founder`);
    mkdirSync(folder, { recursive: true });
    const told = (message: string) => {
      throw new Error(message);
    };
    const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told);
    const founded = memberships.found("Bench");
    return founded.invite({ role: "box", uses: 0, expiresS: 86_400, peers: [] });
  }

  private segmentTaken(from: MeshBox): Promise<number> {
    return until(
      "both wires to work",
      async () => {
        const [peer] = await from.peers();
        const good = peer?.paths.filter(({ state, target }) => state === "good" && target.by === "udp") ?? [];
        if (new Set(good.map((path) => path.interface)).size < 2) return undefined;
        const taken = good.find(({ chosen }) => chosen)?.interface;
        return this.topology.portsOf(0).find((port) => port.interface === taken)?.segment;
      },
      60_000,
    );
  }

  private async sentBytes(): Promise<number> {
    const text = await this.topology.switchHost.run(["cat", "/proc/net/dev"]);
    const ports = new Set(this.topology.ports.map(({ switchPort }) => switchPort));
    return text
      .split("\n")
      .map((line) => line.trim().split(/:\s*/))
      .filter(([name = ""]) => ports.has(name))
      .reduce((sum, [, counters = ""]) => sum + Number(counters.split(/\s+/)[0]), 0);
  }
}
