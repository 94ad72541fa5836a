import { Command } from "commander";
import { uplinkState, uplinkText, uptimeText } from "../../portal/console/status-page.tsx";
import type { BoxStatus } from "../portal/index.ts";
import { askBox, type ControlOptions, withControlOptions } from "./control.ts";

export function uplinksCommand(): Command {
  const description = "the ways to the internet of a running box: whether they work, and which are in use";
  return withControlOptions(new Command("uplinks").description(description)).action(uplinks);
}

async function uplinks(options: ControlOptions): Promise<void> {
  const answer = await askBox<BoxStatus>("/api/status", options);
  if (!answer) return;
  const all = answer.uplinks ?? [];
  process.stdout.write(options.json ? `${JSON.stringify(all)}\n` : uplinksText(all));
}

function uplinksText(all: NonNullable<BoxStatus["uplinks"]>): string {
  if (all.length === 0) return "No way to the internet is known.\n";
  const width = Math.max(...all.map((one) => one.interface.length));
  const lines = all.map((one) => {
    const rtt = one.rttMs === undefined ? "" : `, ${Math.round(one.rttMs)} ms`;
    const loss = one.lossPercent === 0 ? "" : `, ${one.lossPercent} % of checks failed`;
    const state = `${uplinkState(one)}, for ${uptimeText(one.seconds)}${rtt}${loss}`;
    return `${one.inUse ? "*" : " "} ${one.interface.padEnd(width)}  ${state} (${uplinkText(one)})`;
  });
  return `${lines.join("\n")}\n* in use\n`;
}
