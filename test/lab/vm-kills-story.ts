import { readFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import { run } from "../../src/host/run.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { Borrower } from "./vm-borrower.ts";
import type { BorrowerOrder } from "./vm-borrower-process.ts";
import { leftOf, set } from "./vm-requester.ts";
import { WholeBox } from "./vm-whole-box.ts";

/*
 * Rounds in which something of a box that lends is killed at some point of a lease, or its requester: bun vm-kills-story.ts
 * MANIFEST ROUNDS. Runs apart (vm-apart.ts). Prints its report as its last line.
 */

export type Part = "daemon" | "libvirtd" | "reaper" | "requester" | "tunnel";
export type Moment = "asking" | "preparing" | "running" | "releasing";

export interface Round {
  kill: string;
  moment: Moment;
  /** From the last of what ends the lease until nothing of it was left. */
  goneMs: number;
  /** As it was promised, with what has to come back or to be missed first. */
  promisedMs: number;
  /** What stayed. */
  left: string[];
}

export interface KillsReport {
  rounds: Round[];
  /** By how often their end was journalled. */
  leases: Record<string, number>;
  /** Of the requester, when all was over. */
  leftAtRequester: string[];
}

/** One or two; in the first rounds each of them at least once. */
const KILLS: readonly (readonly Part[])[] = [
  ["daemon"],
  ["daemon", "tunnel"],
  ["reaper"],
  ["tunnel"],
  ["libvirtd"],
  ["requester"],
  ["daemon", "libvirtd"],
  ["libvirtd", "tunnel"],
  ["daemon", "reaper"],
  ["libvirtd", "reaper"],
  ["reaper", "tunnel"],
  ["daemon", "requester"],
  ["reaper", "requester"],
  ["libvirtd", "requester"],
  ["requester", "tunnel"],
];
const MOMENTS: readonly Moment[] = ["running", "preparing", "releasing", "running", "asking"];

const GONE_MS = 5_000;
/** libvirtd itself has to come back. */
const BACK_MS = 10_000;
/** A requester that is gone is known by three keep-alives that it misses. */
const SILENT_MS = 15_000;
const PATIENCE_MS = 90_000;
const READY_MS = 240_000;

const [manifest = "", count = "1", seed = "1"] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const upTo = (ms: number) => Bun.sleep(random() * ms);
const [BOX, REQUESTER] = ["198.51.100.2", "198.51.100.10"];
const lab = new Lab("vmkills");

class Rounds {
  private borrower: Borrower | undefined;

  constructor(
    private readonly box: WholeBox,
    private readonly requester: LabHost,
    private readonly order: BorrowerOrder,
  ) {}

  async begin(): Promise<void> {
    await this.box.start();
    this.borrower = await Borrower.start(this.requester, this.order);
  }

  private get person(): Borrower {
    if (!this.borrower) throw new Error("nobody asks");
    return this.borrower;
  }

  async play(index: number): Promise<Round> {
    const { box, person } = this;
    const parts = KILLS[index % KILLS.length] ?? ["daemon"];
    const moment = MOMENTS[(index + Math.floor(index / KILLS.length)) % MOMENTS.length] ?? "running";
    const hasDisk = index % 2 === 0;
    const wish = { image: hasDisk ? "disk" : "small", memoryMiB: 128, diskMiB: hasDisk ? 16 : 0 };
    const id = await person.borrow(wish);
    await this.reach(moment, id, parts.includes("tunnel"));
    const killed = await this.kill(parts);
    let sinceMs = performance.now();
    const isDead = (part: Part) => killed.includes(part);
    const back = isDead("libvirtd") ? upTo(1_500).then(() => box.libvirt.restart()) : undefined;
    const release = () => void (isDead("requester") || person.release(id).catch(() => undefined));
    // Else it is ended by what was killed.
    if (!isDead("daemon") && !isDead("tunnel")) release();
    if (isDead("daemon") && isDead("reaper")) {
      // Nobody is there before somebody is: as systemd does it, at once.
      await box.start();
      sinceMs = performance.now();
      // Where the first daemon had not heard of it yet, this one has.
      release();
    }
    let left: string[] = ["?"];
    const isGone = async () => {
      left = await box.left();
      return left.length === 0;
    };
    await until("nothing to be left", isGone, PATIENCE_MS).catch(() => undefined);
    const goneMs = Math.round(performance.now() - sinceMs);
    await back;
    if (isDead("daemon") && !isDead("reaper")) await box.start();
    if (isDead("requester")) await this.anotherBorrower();
    for (const one of await this.person.leases()) this.person.release(one).catch(() => undefined);
    await until("the requester to know", async () => (await this.person.leases()).length === 0, PATIENCE_MS);
    await until("the box to lend again", () => box.lends(), PATIENCE_MS);
    await until("one reaper", () => box.reapers().length === 1, PATIENCE_MS);
    await until("all ends in the journal", () => ![...box.ends().values()].includes(0), PATIENCE_MS);
    // Nor has anything come since.
    left.push(...(await box.left()));
    const isSilent = isDead("requester") && !isDead("daemon") && !isDead("tunnel");
    const promisedMs = (isDead("libvirtd") ? BACK_MS : GONE_MS) + (isSilent ? SILENT_MS : 0);
    return { kill: killed.join(" + ") || "nothing", moment, goneMs, promisedMs, left };
  }

  private async reach(moment: Moment, id: string, needsTunnel: boolean): Promise<void> {
    const { box, person } = this;
    if (moment === "asking") await upTo(50);
    else if (moment === "preparing") {
      if (needsTunnel) await until("its tunnel", () => box.tunnels().length > 0, READY_MS);
      await upTo(3_000);
    } else {
      const { phase, why, banner } = await person.ready(id);
      if (phase !== "ready" || !banner.startsWith("SSH-2.0")) throw new Error(`${phase}: ${why}`);
      await upTo(500);
      if (moment === "releasing") {
        person.release(id).catch(() => undefined);
        await upTo(400);
      }
    }
  }

  /** All at once. @returns what there was to kill */
  private async kill(parts: readonly Part[]): Promise<Part[]> {
    const { box, person } = this;
    const [reaper] = box.reapers();
    const [tunnel] = box.tunnels();
    const does: Record<Part, (() => unknown) | undefined> = {
      daemon: () => box.stop("SIGKILL"),
      libvirtd: () => box.libvirt.kill(),
      reaper: reaper === undefined ? undefined : () => process.kill(reaper, "SIGKILL"),
      requester: () => person.kill(),
      tunnel: tunnel === undefined ? undefined : () => process.kill(tunnel, "SIGKILL"),
    };
    const killed = parts.filter((part) => does[part] !== undefined);
    await Promise.all(killed.map((part) => does[part]?.()));
    return killed;
  }

  private async anotherBorrower(): Promise<void> {
    const run = join(this.order.folder, "run");
    await until("the VPN's end", async () => (await leftOf(this.requester, run)).length === 0, PATIENCE_MS);
    this.borrower = await Borrower.start(this.requester, this.order);
  }

  /** @returns what is left of the requester */
  async end(): Promise<string[]> {
    await this.person.stop();
    await this.box.stop();
    return leftOf(this.requester, join(this.order.folder, "run"));
  }
}

async function story(
  boxHost: LabHost,
  requester: LabHost,
  told: (box: WholeBox) => void,
): Promise<KillsReport> {
  await lab.cable(boxHost, "eth0", requester, "eth0");
  await set(boxHost, `address add ${BOX}/24 dev eth0`, `route add default via ${REQUESTER}`);
  await set(requester, `address add ${REQUESTER}/24 dev eth0`);
  const key = join(lab.folder, "key");
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
  const box = await WholeBox.make(boxHost, manifest, ({ pool }) => ({
    leases_per_requester: 8,
    leases_per_source: 8,
    pool: { ...pool, machines: 0 },
  }));
  told(box);
  const rounds = new Rounds(box, requester, {
    folder: join(lab.folder, "requester"),
    ...{ heardAt: REQUESTER, provider: BOX, sshKey: readFileSync(`${key}.pub`, "utf8").trim() },
  });
  await rounds.begin();
  const played: Round[] = [];
  for (let index = 0; index < Number(count); index += 1) {
    played.push(await rounds.play(index));
    // A long run is looked at while it goes on.
    console.error(`round ${index} ${JSON.stringify(played.at(-1))}`);
  }
  const leftAtRequester = await rounds.end();
  const leases = Object.fromEntries(box.ends());
  await box.libvirt.stop();
  return { rounds: played, leases, leftAtRequester };
}

let box: WholeBox | undefined;
await lab.open();
try {
  const report = await story(await lab.host("box"), await lab.host("requester"), (made) => {
    box = made;
  });
  console.log(JSON.stringify(report));
} catch (error) {
  console.error(`--- the box, of which there is ${await box?.left()}\n${box?.words()}`);
  throw error;
} finally {
  await lab.close();
}
process.exit(0);
