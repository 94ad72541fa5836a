import { Command } from "commander";
import { uptimeText } from "../../portal/console/status-page.tsx";
import { problemLine } from "../config/index.ts";
import type { BoxStatus } from "../portal/index.ts";
import { timeText } from "../time/index.ts";
import { askBox, type ControlOptions, withControlOptions } from "./control.ts";

export function statusCommand(): Command {
  return withControlOptions(new Command("status").description("what a running box is doing")).action(status);
}

async function status(options: ControlOptions): Promise<void> {
  const answer = await askBox<BoxStatus>("/api/status", options);
  if (answer) process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : statusText(answer));
}

function statusText({
  name,
  version,
  mode,
  uptimeSeconds,
  config,
  parts,
  guestsByState,
  time,
  journal,
}: BoxStatus): string {
  const width = Math.max(...parts.map((part) => part.name.length));
  const lines = [
    `${name}: Omerta Box ${version}, ${mode} mode, up for ${uptimeText(uptimeSeconds)}`,
    ...(time ? [`  time: ${timeText(time)}`] : []),
    ...config.problems.map((problem) => `  ! ${config.file}: ${problemLine(problem)}`),
    "",
    ...parts.map((part) => `  ${part.name.padEnd(width)}  ${part.state.padEnd(7)}  ${part.detail}`),
    "",
    `  guests: ${Object.entries(guestsByState)
      .map(([state, count]) => `${count} ${state}`)
      .join(", ")}`,
    "",
    ...journal.slice(0, 10).map((entry) => {
      const time = new Date(entry.wallMs).toISOString().slice(0, 19).replace("T", " ");
      return `  ${time}  ${entry.part}: ${entry.kind} ${entry.subject}`.trimEnd();
    }),
  ];
  return `${lines.join("\n")}\n`;
}
