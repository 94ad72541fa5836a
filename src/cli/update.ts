import { constants, copyFileSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Command } from "commander";
import { CONTROL_SOCKET, DEFAULT_STATE } from "../host/box-places.ts";
import type { UpdateAnswer } from "../portal/index.ts";
import { updateText } from "../update/index.ts";
import { ask, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";

const TIMEOUT_MS = 30_000;
/** Looking through a bundle takes its time on a small board. */
const CHECKED_EVERY_MS = 1_000;

export function updateCommand(): Command {
  const sub = (name: string, description: string) =>
    withControlOptions(new Command(name).description(description), "device");
  return new Command("update")
    .description("new versions of the whole system of a box that was made from an image")
    .addCommand(
      sub("status", "which version runs in which slot, why, and what comes next").action(
        (options: ControlOptions) => tell(options, ""),
      ),
    )
    .addCommand(
      sub(
        "check",
        "looks for something newer now: neighbours, and the internet where there is an address for it",
      ).action((options: ControlOptions) => tell(options, "/check")),
    )
    .addCommand(
      sub("install", "installs what is here, or a bundle from a file")
        .argument("[file]", "a bundle (….raucb)")
        .option("--older", "also a version that is older than what runs, or the same")
        .action(install),
    )
    .addCommand(
      sub("rollback", "goes back to the system in the other slot").action((options: ControlOptions) =>
        tell(options, "/rollback"),
      ),
    )
    .addCommand(
      sub("hold", "installs nothing until it is released").action((options: ControlOptions) =>
        tell(options, "/hold"),
      ),
    )
    .addCommand(sub("release", "ends a hold").action((options: ControlOptions) => tell(options, "/release")));
}

async function install(
  file: string | undefined,
  options: ControlOptions & { older?: boolean },
): Promise<void> {
  if (file !== undefined) {
    const state = resolve(options.state ?? DEFAULT_STATE[options.mode]);
    const folder = join(state, "update", "incoming", options.older ? "older" : "asked");
    const name = basename(file).replace(/[^\w.+-]/g, "_");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The box takes what has the right name, so it has it once it is whole.
    const aside = join(folder, `${name}.part`);
    try {
      copyFileSync(file, aside, constants.COPYFILE_FICLONE);
      renameSync(aside, join(folder, name.endsWith(".raucb") ? name : `${name}.raucb`));
    } finally {
      rmSync(aside, { force: true });
    }
  }
  await tell(options, "/install");
}

async function tell(options: ControlOptions, path: string): Promise<void> {
  let answer = await askUpdate(options, path);
  while (answer?.view?.isChecking) {
    await Bun.sleep(CHECKED_EVERY_MS);
    answer = await askUpdate(options, "");
  }
  if (!answer) return;
  const { view, said } = answer;
  if (options.json) {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  if (!view) {
    process.exitCode = EXIT.failed;
    process.stderr.write("omerta-box: this machine was not made from an image, and is updated by hand\n");
    return;
  }
  const lines = [said ?? updateText(view).join("\n"), ...neighbourLines(view.neighbours)];
  process.stdout.write(`${lines.join("\n")}\n`);
}

const askUpdate = async (options: ControlOptions, path: string): Promise<UpdateAnswer | undefined> =>
  (
    await ask<UpdateAnswer>(options, {
      socket: CONTROL_SOCKET,
      path: `/api/update${path}`,
      method: path === "" ? "GET" : "POST",
      timeoutMs: TIMEOUT_MS,
    })
  )?.answer;

function neighbourLines(neighbours: NonNullable<UpdateAnswer["view"]>["neighbours"]): string[] {
  return neighbours.map(({ name, version, has }) => {
    const given = has.length === 0 ? "gives nothing" : `gives ${has.join(", ")}`;
    return `  ${name.replace(/\p{Cc}+/gu, " ")}: runs ${version}, ${given}`;
  });
}
