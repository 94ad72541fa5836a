import { Command } from "commander";
import { CONTROL_SOCKET } from "../host/box-places.ts";
import { type HypervisorView, lookAtHypervisor, type Whose, whoseMachine } from "../vm/held/index.ts";
import type { ComputeView } from "../vm/operator/index.ts";
import { ask, type ControlOptions, withControlOptions } from "./control.ts";
import { plain } from "./mesh-text.ts";

interface MachinesOptions extends ControlOptions {
  libvirt: string;
}

/** What the hypervisor of this machine holds, beside what a box says of it: the look is not the daemon's own. */
export function vmMachinesCommand(): Command {
  return withControlOptions(new Command("machines"))
    .description("every virtual machine on this computer, and whose it is")
    .option(
      "--libvirt <uri>",
      "the libvirt that is asked, as vm.libvirt of the configuration",
      "qemu:///system",
    )
    .action(machines);
}

async function machines(options: MachinesOptions): Promise<void> {
  const { host, machines: held, through } = await lookAtHypervisor(options.libvirt);
  // After the look: one that was made just before it is not taken for nobody's.
  const own = await ownMachines(options);
  const shown = held.map((one) => ({ ...one, whose: whoseMachine(one.name, own) }));
  const view = { host, machines: shown, through };
  process.stdout.write(options.json ? `${JSON.stringify(view)}\n` : machinesText(view));
}

/** @returns undefined where no box runs, which is said then, and is no failure: libvirt has answered */
async function ownMachines(options: ControlOptions): Promise<ComputeView["machines"] | undefined> {
  const before = process.exitCode;
  const asked = await ask<ComputeView>(options, { socket: CONTROL_SOCKET, path: "/api/compute" });
  if (asked === undefined) process.exitCode = before ?? 0;
  return asked?.ok ? asked.answer.machines : undefined;
}

type ShownMachine = HypervisorView["machines"][number] & { whose: Whose };

function machinesText(view: {
  host: HypervisorView["host"];
  machines: readonly ShownMachine[];
  through: string;
}): string {
  const { model, cpus, memoryKiB } = view.host;
  const rows = view.machines.map((one) => [
    plain(one.name),
    one.state,
    sizeText(one.cpus, one.memoryKiB),
    whoseText(one.whose),
  ]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = [
    `This computer: ${plain(model)}, ${sizeText(cpus, memoryKiB)} (libvirt, through ${view.through})`,
    ...rows.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    ),
    ...(rows.length === 0 ? ["It holds no virtual machine."] : []),
  ];
  return `${lines.join("\n")}\n`;
}

const sizeText = (cpus: number, memoryKiB: number): string =>
  `${cpus} ${cpus === 1 ? "processor" : "processors"}, ${Math.round(memoryKiB / 1_024)} MiB`;

function whoseText(whose: Whose): string {
  switch (whose.of) {
    case "lease":
      return `lease ${whose.id.slice(0, 8)}`;
    case "pool":
      return "waits for a lease";
    case "visitor":
      return "a visitor's";
    case "nobody":
      return "nobody's any more: it is to go";
    case "this box":
      return "this box's";
    case "somebody else":
      return "not this box's";
  }
}
