import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { Borrower } from "./vm-borrower.ts";
import { leftOf, set } from "./vm-requester.ts";
import { WholeBox } from "./vm-whole-box.ts";

/*
 * Many leases of a box with a pool, some at a time: bun vm-churn-story.ts MANIFEST LEASES AT-A-TIME. Runs apart (vm-apart.ts).
 * Prints its report as its last line.
 */

export interface Served {
  /** ms from the request until SSH's first line came through the tunnel. */
  readyMs: number;
  /** What a command in the machine said. */
  said: string;
  /** ms from the release until the box said that it is over. */
  releaseMs: number;
  outcome: string;
}

export interface ChurnReport {
  served: Served[];
  tookS: number;
  /** MiB that the daemon kept in memory: when it lent, after a third of the leases, and after all of them. */
  memoryMiB: { first: number; third: number; last: number };
  /** By how often their end was journalled. */
  leases: Record<string, number>;
  /** When it had stopped. */
  left: string[];
  leftAtRequester: string[];
}

const MEMORY_MIB = 128;
const [manifest = "", count = "24", atATime = "4"] = process.argv.slice(2);
const [leases, most] = [Number(count), Number(atATime)];
const [BOX, REQUESTER] = ["198.51.100.2", "198.51.100.10"];
const SSH_MS = 120_000;
const lab = new Lab("vmchurn");

/** One lease, from its request to its end. */
async function serve(borrower: Borrower, requester: LabHost, key: string): Promise<Served> {
  const id = await borrower.borrow({ image: "small", memoryMiB: MEMORY_MIB, diskMiB: 0 });
  const { phase, why, address, banner, afterMs } = await borrower.ready(id);
  if (phase !== "ready" || !banner.startsWith("SSH-2.0")) throw new Error(`${phase}: ${why}`);
  const options = [
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
    "BatchMode=yes",
  ];
  const words = options.flatMap((option) => ["-o", option]);
  const said = await requester.run(
    ["ssh", "-F", "none", "-i", key, ...words, `root@${address}`, "uname -s"],
    { timeoutMs: SSH_MS, env: { SSH_AUTH_SOCK: "" } },
  );
  const releasedMs = performance.now();
  const outcome = await borrower.release(id);
  const releaseMs = Math.round(performance.now() - releasedMs);
  return { readyMs: afterMs, said: said.trim(), releaseMs, outcome };
}

async function story(
  boxHost: LabHost,
  requester: LabHost,
  told: (box: WholeBox) => void,
): Promise<ChurnReport> {
  await lab.cable(boxHost, "eth0", requester, "eth0");
  await set(boxHost, `address add ${BOX}/24 dev eth0`, `route add default via ${REQUESTER}`);
  await set(requester, `address add ${REQUESTER}/24 dev eth0`);
  const key = join(lab.folder, "key");
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
  const folder = join(lab.folder, "requester");
  const box = await WholeBox.make(boxHost, manifest, ({ limits, pool }) => ({
    ...{ leases: most, processors: most, leases_per_requester: 2 * most, leases_per_source: 2 * most },
    // The usual machine, which is the one that waits, is as large as anybody may have one.
    limits: { ...limits, memory_mib: MEMORY_MIB },
    pool: { ...pool, machines: 1 },
  }));
  told(box);
  await box.start();
  const borrower = await Borrower.start(requester, {
    ...{ folder, heardAt: REQUESTER, provider: BOX, sshKey: readFileSync(`${key}.pub`, "utf8").trim() },
  });
  const beganMs = performance.now();
  const first = box.memoryMiB();
  let third = first;
  const served: Served[] = [];
  let begun = 0;
  const oneAfterTheOther = async () => {
    while (begun < leases) {
      begun += 1;
      served.push(await serve(borrower, requester, key));
      // It is seen how far a long run has come.
      console.error(`lease ${served.length}: ${JSON.stringify(served.at(-1))}, ${box.memoryMiB()} MiB`);
      if (served.length === Math.ceil(leases / 3)) third = box.memoryMiB();
    }
  };
  await Promise.all(Array.from({ length: most }, oneAfterTheOther));
  const last = box.memoryMiB();
  const tookS = Math.round((performance.now() - beganMs) / 1_000);
  await until("all ends in the journal", () => ![...box.ends().values()].includes(0), SSH_MS);
  await borrower.stop();
  await box.stop();
  const report: ChurnReport = {
    ...{ served, tookS, memoryMiB: { first, third, last } },
    ...{ leases: Object.fromEntries(box.ends()), left: await box.left() },
    leftAtRequester: await leftOf(requester, join(folder, "run")),
  };
  await box.libvirt.stop();
  return report;
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
