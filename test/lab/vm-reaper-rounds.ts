import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import { systemClock } from "../../src/host/clock.ts";
import { Journal } from "../../src/store/index.ts";
import { until } from "./lab.ts";
import { makeBystanders, PLACES, traces } from "./vm-reaper-world.ts";

/** What is killed in a round. */
export const KILLS = ["daemon", "reaper", "both", "reaper-at-work", "daemon-at-work", "stop"] as const;
export type Kill = (typeof KILLS)[number];

export interface Round {
  kill: Kill;
  /** From the kill, or from the start of the next daemon where nobody was left before, until no trace was left. */
  goneMs: number;
  /** Only of `reaper`: until another one watched. */
  againMs?: number;
  /** Traces right after the kill, before anybody can have done anything where both were killed. */
  found: number;
  missing: string[];
}

export interface RoundsReport {
  rounds: Round[];
  /** Leases of which the journal says nothing although they had been made. */
  unjournalled: string[];
}

const GONE_WITHIN_MS = 30_000;
const random = seededRandom(20_261_129);
const hex = () => Math.floor(random() * 16).toString(16);

/** One daemon's life. */
class TestDaemon {
  private readonly said: string[] = [];
  private readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">;

  constructor(leases: readonly string[]) {
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, "vm-reaper-daemon.ts")], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
      env: { ...process.env, LEASES: leases.join(" ") },
    });
    void this.listen();
  }

  has = (word: string) => until(`the daemon to say ${word}`, () => this.said.includes(word), 60_000);
  reapers = () =>
    this.said.filter((word) => word.startsWith("watched ")).map((word) => Number(word.slice(8)));

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.child.exited;
  }

  private async listen(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of this.child.stdout) {
      const lines = (text + decoder.decode(chunk, { stream: true })).split("\n");
      text = lines.pop() ?? "";
      this.said.push(...lines);
    }
  }
}

async function goneMs(tags: readonly string[], fromMs: number): Promise<number> {
  let left: string[] = [];
  const isGone = async () => {
    left = await traces(tags);
    return left.length === 0;
  };
  await until("all to be gone", isGone, GONE_WITHIN_MS).catch(() => {
    throw new Error(`still there:\n${left.join("\n")}`);
  });
  return performance.now() - fromMs;
}

async function playRound(
  kill: Kill,
  leases: readonly string[],
  missing: () => Promise<string[]>,
): Promise<Round> {
  const tags = leases.map((lease) => lease.slice(0, 10));
  const daemon = new TestDaemon(leases);
  await daemon.has("swept");
  if (kill === "daemon-at-work") await Bun.sleep(random() * 600);
  else await daemon.has("made");
  const reaper = await until("a reaper", () => daemon.reapers().at(-1));
  let againMs: number | undefined;
  if (kill === "reaper") {
    const before = (await traces(tags)).length;
    const killedMs = performance.now();
    process.kill(reaper, "SIGKILL");
    await until("another reaper", () => daemon.reapers().at(-1) !== reaper, 30_000);
    againMs = performance.now() - killedMs;
    const after = await traces(tags);
    if (after.length !== before) throw new Error(`a reaper's death took something: ${after.join("\n")}`);
  }
  let sinceMs = performance.now();
  if (kill === "both") process.kill(reaper, "SIGKILL");
  await daemon.kill(kill === "stop" ? "SIGTERM" : "SIGKILL");
  let found = 0;
  if (kill === "both") found = (await traces(tags)).length;
  if (kill === "reaper-at-work") {
    await Bun.sleep(random() * 150);
    process.kill(reaper, "SIGKILL");
  }
  if (kill === "both" || kill === "reaper-at-work") {
    sinceMs = performance.now();
    const next = new TestDaemon([]);
    await next.has("swept");
    const left = await traces(tags);
    if (left.length > 0) throw new Error(`the sweep was over, and there was still\n${left.join("\n")}`);
    const tookMs = performance.now() - sinceMs;
    await next.kill("SIGKILL");
    return { kill, goneMs: tookMs, found, missing: await missing() };
  }
  const took = await goneMs(tags, sinceMs);
  return {
    kill,
    goneMs: took,
    found,
    missing: await missing(),
    ...(againMs === undefined ? {} : { againMs }),
  };
}

/** Plays so many rounds. Run in namespaces of its own for processes, mounts and the network, so that nothing else is met. */
export async function playRounds(count: number): Promise<RoundsReport> {
  for (const folder of Object.values(PLACES)) mkdirSync(folder, { recursive: true });
  const missing = await makeBystanders();
  const rounds: Round[] = [];
  const made: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const kill = KILLS[index % KILLS.length] ?? "daemon";
    const leases = [0, 1].map(() => Array.from({ length: 32 }, hex).join(""));
    rounds.push(await playRound(kill, leases, missing));
    if (kill !== "daemon-at-work") made.push(...leases);
  }
  const last = new TestDaemon([]);
  await last.has("made");
  await last.kill("SIGTERM");
  const journal = new Journal(join(PLACES.state, "journal.sqlite"), systemClock, 100_000);
  journal.open();
  const told = new Set(
    journal
      .tail(100_000)
      .filter(({ kind }) => kind === "reaped")
      .map(({ subject }) => subject),
  );
  journal.close();
  return { rounds, unjournalled: made.filter((lease) => !told.has(lease.slice(0, 10))) };
}

if (import.meta.main) {
  const report = await playRounds(Number(process.argv[2]));
  process.stdout.write(JSON.stringify(report));
  process.exit(0);
}
