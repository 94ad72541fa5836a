import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { bytesAnHourFor, CHEAP_CARD, yearsOfCard } from "../first-boot/wear/card-life.ts";
import { bytesWritten, deviceNumbers } from "../first-boot/wear/disk-writes.ts";
import { DEFAULT_STATE } from "../host/box-places.ts";
import { usualMode } from "./control.ts";
import { EXIT } from "./exit.ts";

interface StorageArguments {
  mode: "bench" | "device";
  state?: string;
  seconds: number;
  json?: boolean;
}

/** `omerta-box storage`: how much is written, and how long a card takes that. */
export function storageCommand(): Command {
  return new Command("storage")
    .description("how much is written to where the box keeps its state, and how long a cheap card takes that")
    .option("--json", "for machines")
    .addOption(
      new Option("--mode <mode>", "which box is meant").choices(["bench", "device"]).default(usualMode()),
    )
    .option("--state <folder>", "the state folder of the box that is meant")
    .option("--seconds <seconds>", "watch for so long, instead of since the system's start", seconds, 0)
    .action(storage);
}

async function storage(options: StorageArguments): Promise<void> {
  const folder = resolve(options.state ?? DEFAULT_STATE[options.mode]);
  const device = deviceNumbers(statSync(folder, { bigint: true }).dev);
  const written = () => bytesWritten(readFileSync("/proc/diskstats", "utf8"), device);
  const before = options.seconds > 0 ? written() : 0;
  if (options.seconds > 0) await Bun.sleep(options.seconds * 1_000);
  const after = written();
  if (before === undefined || after === undefined) {
    process.exitCode = EXIT.failed;
    process.stderr.write(
      `omerta-box: ${folder} is on no disk of its own: what is written there wears nothing out\n`,
    );
    return;
  }
  const span =
    options.seconds > 0 ? options.seconds : Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  const bytesAnHour = ((after - before) / span) * 3_600;
  const answer = {
    bytesWritten: after - before,
    seconds: Math.round(span),
    bytesAnHour: Math.round(bytesAnHour),
    yearsOfCheapCard: yearsOfCard(CHEAP_CARD, bytesAnHour),
    bytesAnHourForAYear: Math.round(bytesAnHourFor(CHEAP_CARD, 1)),
  };
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : storageWords(answer));
}

interface StorageAnswer {
  bytesWritten: number;
  seconds: number;
  bytesAnHour: number;
  yearsOfCheapCard: number;
  bytesAnHourForAYear: number;
}

function storageWords(answer: StorageAnswer): string {
  const { cycles, amplification, name } = CHEAP_CARD;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
  const years = answer.yearsOfCheapCard;
  return [
    `${mb(answer.bytesWritten)} written in ${answer.seconds} s: ${mb(answer.bytesAnHour)} an hour.`,
    `At that rate ${name} lasts ${years > 100 ? "more than a hundred" : years.toFixed(1)} years; for one year it may be ${mb(answer.bytesAnHourForAYear)} an hour`,
    `(each cell ${cycles} times, and the card writes ${amplification} bytes for each that it is given).`,
    "",
  ].join("\n");
}

function seconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("a whole number of seconds");
  return Number(text);
}
