import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type { VirtualFirmware } from "../bench/virtual-air.ts";
import { CARD_FOLDER, isCardMounted, isFlashed } from "../first-boot/flashed.ts";
import { DEFAULT_STATE, defaultRunFolder, type Mode } from "../host/box-places.ts";
import { createLog } from "../host/log.ts";
import { makeOwnFolder } from "../host/own-folder.ts";
import { type Box, composeBox } from "../main.ts";
import { lastGoodConfigIn } from "../store/index.ts";
import { EXIT } from "./exit.ts";
import { startNeighbour, virtualAir } from "./neighbour.ts";
import { benchInvite, startOtherBoxes } from "./other-boxes.ts";
import { untilSignal } from "./signals.ts";

const DEFAULT_CONFIG: Record<Mode, string> = { bench: "omerta.toml", device: "/etc/omerta-box/omerta.toml" };
/** In the flashable image; what stands in /etc there is gone at the next start. */
const CARD_CONFIG = `${CARD_FOLDER}/omerta.toml`;
const BENCH_ADDRESS = "127.0.0.1";
/** How long a box that gives up has for its last words, and one on a bench to stop. */
const LAST_WORDS_MS: Record<Mode, number> = { bench: 10_000, device: 1_000 };
/** How many ports above the asked one are tried when it is taken. */
const PORTS_TRIED = 50;

interface RunOptions {
  mode: Mode;
  config?: string;
  state?: string;
  run?: string;
  portalPort: number;
  consolePort: number;
  loraCase: VirtualFirmware;
  boxes: number;
  neighbour: boolean;
  as?: string;
  join?: string;
}

export function runCommand(): Command {
  return new Command("run")
    .description("run the box until Ctrl-C")
    .addOption(
      new Option("--mode <mode>", "bench: on any machine, without root; device: the real thing, as root")
        .choices(["bench", "device"])
        .default("bench"),
    )
    .option(
      "--config <file>",
      "the configuration (bench: omerta.toml here; device: /etc/omerta-box/omerta.toml, in the image that of the card)",
    )
    .option("--state <folder>", "what survives a restart (bench: .state/bench; device: /var/lib/omerta-box)")
    .option("--run <folder>", "sockets and generated files (device: /run/omerta-box)")
    .option("--portal-port <port>", "bench: the portal's port", portNumber, 8080)
    .option("--console-port <port>", "bench: the operator's port", portNumber, 8090)
    .addOption(
      new Option("--lora-case <firmware>", "bench: what runs on the two virtual LoRa cases")
        .choices(["rnode", "meshtastic"] satisfies VirtualFirmware[])
        .default("rnode"),
    )
    .option("--boxes <count>", "bench: run so many boxes, all of one network, 1 to 5", boxCount, 1)
    .option("--no-neighbour", "bench: no virtual LoRa cases, and no other box at one of them")
    .option("--as <name>", "what the box is called, instead of what the configuration says")
    .option("--join <link>", "an invite to join a network by")
    .action(runBox);
}

async function runBox(options: RunOptions): Promise<void> {
  const { mode } = options;
  const stateFolder = resolve(options.state ?? DEFAULT_STATE[mode]);
  const runFolder = resolve(options.run ?? defaultRunFolder(mode, stateFolder));
  const configFile = resolve(options.config ?? defaultConfigFile(mode, stateFolder));
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  makeOwnFolder(runFolder);
  const log = createLog({ level: "info", human: process.stdout.isTTY === true || mode === "bench" });

  if (mode === "bench") process.stdout.write("Starting the Omerta Box in bench mode\n");
  const ended = untilSignal();
  const air =
    mode === "bench" && options.neighbour ? await virtualAir(options.loraCase, runFolder) : undefined;
  const bench =
    mode === "bench"
      ? {
          address: BENCH_ADDRESS,
          portalPort: freePort(options.portalPort),
          consolePort: freePort(options.consolePort),
          loraPort: air?.ports[0],
          before: air ? [air] : [],
        }
      : undefined;
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (let last = started.pop(); last !== undefined; last = started.pop()) await last.stop();
  };
  const giveUp = () => {
    const end = () => process.exit(EXIT.failed);
    setTimeout(end, LAST_WORDS_MS[mode]);
    // On a board nothing is taken down: guests are served on until the next daemon takes it up. On a bench none comes.
    if (mode === "bench") void stop().finally(end);
  };
  const box = await composeBox({
    mode,
    configFile,
    stateFolder,
    runFolder,
    log,
    giveUp,
    ...(bench ? { bench } : {}),
    ...(options.as === undefined ? {} : { name: options.as }),
    ...(options.join === undefined ? {} : { invites: [options.join] }),
  });
  started.push(box);
  await box.start();
  const neighbour =
    air &&
    (await startNeighbour({
      stateFolder,
      runFolder,
      loraPort: air.ports[1],
      invite: await benchInvite(box),
      log,
      portFrom: freePort,
    }));
  if (neighbour) started.push(neighbour);
  if (bench) {
    await Promise.all([box, neighbour].map((one) => one && answers(one.portalUrl)));
    process.stdout.write(welcomeText(box, neighbour));
  }
  if (bench && options.boxes > 1)
    started.push(await startOtherBoxes(options.boxes - 1, { stateFolder, runFolder }, box));
  const signal = await ended;
  if (bench) process.stdout.write(`\nStopping (${signal})\n`);
  await stop();
  process.exit(0);
}

/** Where the card cannot be read, what it said last holds. */
function defaultConfigFile(mode: Mode, stateFolder: string): string {
  if (mode === "bench" || !isFlashed()) return DEFAULT_CONFIG[mode];
  return isCardMounted() ? CARD_CONFIG : lastGoodConfigIn(stateFolder);
}

/** Waits until the portal's process answers, for a few seconds at most: what is wrong then is shown as trouble. */
async function answers(url: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 50) {
    if (
      await fetch(url).then(
        (response) => response.ok,
        () => false,
      )
    )
      return;
    await Bun.sleep(50);
  }
}

function welcomeText({ portalUrl, consoleUrls, troubles }: Box, neighbour: Box | undefined): string {
  const wrong = troubles();
  return [
    "",
    ...(wrong.length === 0
      ? ["The box is up."]
      : ["The box is up, but not all of it:", ...wrong.map((one) => `  ${one}`)]),
    "",
    `  Portal, as a guest sees it     ${portalUrl}/`,
    ...consoleUrls.map((url) => `  Status page for the operator   ${url}`),
    ...(neighbour
      ? [
          "",
          "A neighbour's box, which this one hears by (virtual) LoRa alone:",
          `  Portal, as a guest sees it     ${neighbour.portalUrl}/`,
          ...neighbour.consoleUrls.map((url) => `  Status page for the operator   ${url}`),
        ]
      : []),
    "",
    "Press Ctrl-C to stop.",
    "",
    "",
  ].join("\n");
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError("a port is 1 to 65535");
  return port;
}

function boxCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 5) throw new InvalidArgumentError("1 to 5");
  return count;
}

/** The port that was asked for, or the next free one above it. */
function freePort(asked: number): number {
  for (let port = asked; port < asked + PORTS_TRIED && port <= 65_535; port += 1) {
    try {
      Bun.listen({ hostname: BENCH_ADDRESS, port, socket: { data() {} } }).stop(true);
      return port;
    } catch {
      // Taken: the next one.
    }
  }
  throw new Error(`no free port from ${asked} to ${asked + PORTS_TRIED - 1}`);
}
