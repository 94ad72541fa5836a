import { Command } from "commander";
import { isFlashed } from "../first-boot/flashed.ts";
import type { OperatorView } from "../portal/index.ts";
import { askBox, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";

/** `omerta-box claim`: for those who are root on the box. */
export function claimCommand(): Command {
  return withControlOptions(
    new Command("claim").description("the code by which somebody becomes the box's operator"),
  )
    .option("--again", "makes a new code: whoever is the operator now is so no more")
    .action(claim);
}

async function claim({ again, ...options }: ControlOptions & { again?: boolean }): Promise<void> {
  const path = again ? "/api/operator/release" : "/api/operator";
  const view = await askBox<OperatorView & { error?: string }>(path, options, again ? {} : undefined);
  if (!view) return;
  if (view.error !== undefined) {
    process.exitCode = EXIT.failed;
    process.stderr.write(`omerta-box: ${view.error}\n`);
    return;
  }
  process.stdout.write(options.json ? `${JSON.stringify(view)}\n` : claimWords(view));
}

function claimWords({ claimCode, signIn, consoleUrls }: OperatorView): string {
  const where = `The operator's page: ${consoleUrls.join("  ") || "none (management.listen)"}\n`;
  if (!signIn) return `Whoever reaches the operator's page sees it.\n${where}`;
  if (claimCode === null)
    return `The box has an operator. Where the password is lost: omerta-box claim --again\n${where}`;
  return `Nobody operates this box yet. The code: ${claimCode}\n${where}`;
}

/** `omerta-box reset`: has a flashed box forget everything at once. */
export function resetCommand(): Command {
  return withControlOptions(
    new Command("reset").description(
      "has a flashed box start again and forget everything: keys, networks, messages, its operator",
    ),
  )
    .requiredOption("--yes", "really")
    .action(reset);
}

async function reset(options: ControlOptions): Promise<void> {
  if (!isFlashed()) {
    process.exitCode = EXIT.failed;
    process.stderr.write(
      "omerta-box: this box does not run from the flashable image: delete its state folder instead\n",
    );
    return;
  }
  if (await askBox<OperatorView>("/api/operator/reset", options, {}))
    process.stdout.write("The box starts again in a moment.\n");
}
