import { basename } from "node:path";
import type { ProcessEntry } from "../../host/process-table.ts";
import { type LeaseProcess, tagOfCgroup, tagOfDomain, tagOfTunnel } from "./belongings.ts";

/** What is known beside the processes themselves. */
export interface ProcessHints {
  /** Tags of leases by the number of their network namespace. */
  namespaces: ReadonlyMap<number, string>;
  /** Tags by the process ids that stand in files named by a lease. */
  pidFiles: ReadonlyMap<number, string>;
}

/**
 * The processes that belong to leases: QEMU by the name that it was given, or by its file where it was given none;
 * wireguard-go by its interface; whatever runs in a lease's cgroup or network namespace.
 * @param own process ids that are none, whatever they look like: who asks
 */
export function leaseProcesses(
  table: readonly ProcessEntry[],
  hints: ProcessHints,
  own: ReadonlySet<number>,
): LeaseProcess[] {
  return table.flatMap((entry) => {
    const lease = leaseOfProcess(entry, hints);
    if (lease === undefined || entry.pid <= 1 || own.has(entry.pid)) return [];
    const { pid, startTicks } = entry;
    return [{ kind: "process" as const, lease, name: programOf(entry), pid, startTicks }];
  });
}

function leaseOfProcess(entry: ProcessEntry, { namespaces, pidFiles }: ProcessHints): string | undefined {
  const { argv, cgroups, netns, pid } = entry;
  const program = programOf(entry);
  if (isQemu(program)) {
    const name = guestName(argv);
    // The number in a file may by now be that of a machine which is none of ours.
    const lease = name === undefined ? pidFiles.get(pid) : tagOfDomain(name);
    if (lease !== undefined) return lease;
  }
  if (program === "wireguard-go") {
    const lease = tagOfTunnel(argv.at(-1) ?? "");
    if (lease !== undefined) return lease;
  }
  for (const path of cgroups) {
    const lease = tagOfCgroup(path);
    if (lease !== undefined) return lease;
  }
  return netns === undefined ? undefined : namespaces.get(netns);
}

const programOf = ({ argv }: ProcessEntry): string => basename(argv[0] ?? "");

const isQemu = (program: string): boolean => program.startsWith("qemu-") || program === "kvm";

/** `-name guest=NAME,debug-threads=on`, as libvirt writes it, or `-name NAME` (qemu(1)). */
export function guestName(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === "-name" || word === "--name");
  if (at < 0) return undefined;
  const [first = "", ...rest] = (argv[at + 1] ?? "").split(",");
  const given = [first, ...rest].find((option) => option.startsWith("guest="));
  return given === undefined ? first : given.slice("guest=".length);
}
