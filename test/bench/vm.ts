import { cpus } from "node:os";
import type { Bench } from "./bench.ts";
import type { BenchRow } from "./report.ts";
import { hostRows, waitingRows } from "./vm/host-rows.ts";
import { VmStand } from "./vm/stand.ts";
import { startRows } from "./vm/start-rows.ts";
import { throughputRows } from "./vm/throughput-rows.ts";
import { Tunnelled } from "./vm/tunnelled.ts";

/** What isolation costs, and how soon a virtual machine is there. */
export const vm: Bench = {
  name: "vm",
  summary:
    "virtual machines: request to SSH against a plain boot, the tunnel against bare WireGuard, the host's own work beside busy machines, memory",
  notes: [
    "All machines are emulated, with the box's own image for small ones, one processor and 256 MiB; whoever has KVM boots sooner.",
    "From the request: by HTTP to a lender as the daemon has it, over admission, journal, namespace, tunnel and rules, until SSH's first line has come through the tunnel. Plain: from the command to the same line, the machine's link in the box's own namespace.",
    "From the pool: at each request two machines wait. Made of a saved machine: none waits, and one is made of the file then.",
    "Throughput: dd and nc in the guest to one TCP connection at the requester's, 2 MiB from the first byte to the last, in turns, and the geometric mean of all: isolated, and the same machine through the same WireGuard with the rules taken away; then isolated, and another machine forwarded without a tunnel. In emulation the guest is what is slow.",
    `The host's work: a loop on each of the ${cpus().length} processors, started at once; two machines with two busy loops each in the group that gets what is left, or suspended. Elsewhere here no machine is put last, as the plain boot is not either.`,
    "Memory: QEMU and wireguard-go of one machine, resident, shared pages of files counted once.",
  ],
  parts: ["start", "throughput", "host", "memory"],
  async run(context) {
    const rows: BenchRow[] = [];
    const { wants, lab, progress } = context;
    progress("libvirt and the image");
    const stand = await VmStand.open(lab);
    try {
      if (wants("start")) rows.push(...(await startRows(stand, context)));
      if (!["throughput", "host", "memory"].some(wants)) return rows;
      progress("a pool");
      const tunnelled = await Tunnelled.open(stand);
      try {
        if (wants("throughput")) rows.push(...(await throughputRows(stand, tunnelled, context)));
        if (wants("host")) rows.push(...(await hostRows(stand, tunnelled, context)));
        if (wants("memory")) rows.push(...(await waitingRows(tunnelled)));
      } finally {
        await tunnelled.close();
      }
    } finally {
      await stand.close();
    }
    return rows;
  },
};
