import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Board } from "../first-boot/board.ts";
import { remounting, writeCard } from "../first-boot/card/card-writer.ts";
import { CARD_FOLDER } from "../first-boot/flashed.ts";
import { watchButton } from "../first-boot/reset/button-watch.ts";
import { KEY_RESTART } from "../first-boot/reset/held-button.ts";
import { type ResetBy, resetRequest } from "../first-boot/reset/reset-request.ts";
import { terminalsHere } from "../first-boot/screen/terminal.ts";
import { CONTROL_SOCKET, DEFAULT_STATE, defaultRunFolder } from "../host/box-places.ts";
import { createLog } from "../host/log.ts";
import { run } from "../host/run.ts";
import { systemTimers } from "../host/timers.ts";
import { untilSignal } from "./signals.ts";

/** Where scripts that run before the daemon leave what is to be told. */
const NOTES_FOLDER = "/run/omerta-boot/notes";
const ASK_TIMEOUT_MS = 3_000;

interface BoardArguments {
  run: string;
  card: string;
  notes: string;
  button: number;
  hold: number;
}

/** The box's screen, card and button as a process of its own; started by systemd in an image. */
export function boardCommand(): Command {
  return new Command("board")
    .description("show the box on its screen, serial line and card, and watch its reset button")
    .option("--run <folder>", "the run folder of the box", defaultRunFolder("device", DEFAULT_STATE.device))
    .option("--card <folder>", "the control partition", CARD_FOLDER)
    .option("--notes <folder>", "what scripts have left to be told", NOTES_FOLDER)
    .option("--button <code>", "the key code of the reset button", whole, KEY_RESTART)
    .option("--hold <seconds>", "how long it has to be held", whole, 10)
    .action(board);
}

async function board(options: BoardArguments): Promise<void> {
  const log = createLog({ level: "info", human: false });
  const card = existsSync(options.card)
    ? { folder: options.card, mount: remounting(options.card) }
    : undefined;
  const reset = async (by: ResetBy) => {
    if (card === undefined) {
      log.error("a reset was asked for, but there is no card to write the request on");
      return;
    }
    log.warn({ by }, "a reset was asked for: the box starts again, and forgets everything");
    shown.say(["The box starts again now, and forgets everything, as was asked for."]);
    await writeCard(card.folder, resetRequest(by), card.mount);
    await run(["systemctl", "reboot"]);
  };
  const shown: Board = new Board({
    ask: asker(join(options.run, CONTROL_SOCKET)),
    terminals: terminalsHere(),
    ...{ card, notesFolder: options.notes, timers: systemTimers, log, reset },
  });
  const ended = untilSignal();
  await shown.start();
  const endButton = watchButton({
    ...{ code: options.button, holdMs: options.hold * 1_000, timers: systemTimers },
    held: () => void reset("button").catch((error) => log.error({ error }, "the box could not be reset")),
  });
  await ended;
  endButton();
  await shown.stop();
  process.exit(0);
}

/** Asks the daemon over its socket; undefined where none answers. */
function asker(socket: string): (path: string) => Promise<unknown> {
  return async (path) => {
    try {
      const response = await fetch(`http://box${path}`, {
        unix: socket,
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      });
      return response.ok ? await response.json() : undefined;
    } catch {
      return undefined;
    }
  };
}

function whole(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}
