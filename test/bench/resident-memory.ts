import { readFileSync } from "node:fs";

/**
 * Resident memory in KiB of processes that belong together: their own pages, and what they share of a file once.
 * Pages shared with others count in full, as on a machine where nothing else runs. (The sum of RSS would count two Bun
 * processes' common program twice; PSS would charge a part of it to the load tool, which is Bun too.)
 * Processes that have ended count nothing. Source: proc_pid_smaps(5).
 */
export function residentKiB(pids: readonly number[]): number {
  let own = 0;
  const sharedOfFile = new Map<string, number>();
  for (const pid of pids) {
    for (const mapping of mappingsOf(pid)) {
      if (mapping.inode === "0") own += mapping.pss;
      else {
        own += mapping.private;
        const key = `${mapping.device} ${mapping.inode} ${mapping.offset}`;
        sharedOfFile.set(key, Math.max(sharedOfFile.get(key) ?? 0, mapping.shared));
      }
    }
  }
  return own + [...sharedOfFile.values()].reduce((sum, kiB) => sum + kiB, 0);
}

interface Mapping {
  offset: string;
  device: string;
  /** 0: memory without a file. */
  inode: string;
  /** KiB, as the next two. */
  private: number;
  shared: number;
  pss: number;
}

function mappingsOf(pid: number): Mapping[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/smaps`, "utf8");
  } catch {
    return [];
  }
  const heads = [...text.matchAll(/^[0-9a-f]+-[0-9a-f]+ \S+ (\S+) (\S+) (\d+).*$/gm)];
  return heads.map((head, index) => {
    const fields = text.slice(head.index, heads[index + 1]?.index);
    const kiB = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(fields)?.[1] ?? 0);
    const [, offset = "", device = "", inode = "0"] = head;
    return {
      offset,
      device,
      inode,
      private: kiB("Private_Clean") + kiB("Private_Dirty"),
      shared: kiB("Shared_Clean") + kiB("Shared_Dirty"),
      pss: kiB("Pss"),
    };
  });
}
