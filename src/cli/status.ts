import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { uptimeText } from "../../portal/console/status-page.tsx";
import { problemLine } from "../config/index.ts";
import { defaultRunFolder } from "../main.ts";
import { type BoxStatus, CONTROL_SOCKET } from "../portal/index.ts";
import { EXIT } from "./exit.ts";
import { DEFAULT_STATE } from "./run.ts";

interface StatusOptions {
  json?: boolean;
  mode: "bench" | "device";
  run?: string;
  state?: string;
}

export function statusCommand(): Command {
  return new Command("status")
    .description("what a running box is doing")
    .option("--json", "for machines")
    .addOption(
      new Option("--mode <mode>", "which box is meant").choices(["bench", "device"]).default("bench"),
    )
    .option("--state <folder>", "the state folder of the box that is meant")
    .option("--run <folder>", "the run folder of the box that is meant")
    .action(status);
}

async function status(options: StatusOptions): Promise<void> {
  const state = resolve(options.state ?? DEFAULT_STATE[options.mode]);
  const socket = join(options.run ?? defaultRunFolder(options.mode, state), CONTROL_SOCKET);
  let answer: BoxStatus;
  try {
    const response = await fetch("http://box/api/status", {
      unix: socket,
      signal: AbortSignal.timeout(5_000),
    });
    answer = (await response.json()) as BoxStatus;
  } catch {
    process.stderr.write(`omerta-box: no box is running here (${socket} does not answer)\n`);
    process.exitCode = EXIT.notRunning;
    return;
  }
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : statusText(answer));
}

function statusText({
  name,
  version,
  mode,
  uptimeSeconds,
  config,
  parts,
  guestsByState,
  journal,
}: BoxStatus): string {
  const width = Math.max(...parts.map((part) => part.name.length));
  const lines = [
    `${name}: Omerta Box ${version}, ${mode} mode, up for ${uptimeText(uptimeSeconds)}`,
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
