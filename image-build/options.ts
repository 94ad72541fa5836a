import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { BOARDS, type Board } from "./board.ts";

export interface ImageOptions {
  board: Board;
  /** A folder for the image and its papers. */
  into: string;
  /** With radios of mac80211_hwsim, for tests. */
  isForLab: boolean;
  /** With the packages of today, whatever has been built before. */
  again: boolean;
  /** Also a packed image, as rpi-imager downloads it. */
  isPacked: boolean;
  /** A private key to sign with (Ed25519, PEM); undefined: a key of this machine, for development. */
  key: string | undefined;
  /** Certificates that updates have to be signed by, instead of the development one. */
  certificate: string | undefined;
  /** Of zstd, for the root. */
  level: number;
}

/** A community's image asks for more time than a test's. */
const LEVEL = 15;

/** @throws CommanderError of commander's */
export function parseOptions(args: readonly string[]): ImageOptions {
  const program = new Command("npm run image --")
    .description("build an image that is written to a card or disk")
    .addOption(
      new Option("--board <board>", "what it is for").choices(Object.keys(BOARDS)).makeOptionMandatory(),
    )
    .option("--into <folder>", "where it is left", "dist")
    .option("--lab", "with emulated radios, for tests", false)
    .option("--again", "with the newest packages, also where they have been fetched before", false)
    .option("--xz", "also a packed image and an entry for rpi-imager", false)
    .option("--key <file>", "a private key to sign with (Ed25519, PEM)")
    .option("--certificate <file>", "whose updates the box takes (PEM)")
    .option("--level <level>", "how well its root is packed, 1 to 22", level, LEVEL)
    .exitOverride();
  const options = program.parse([...args], { from: "user" }).opts<{
    board: Board["name"];
    into: string;
    lab: boolean;
    again: boolean;
    xz: boolean;
    key?: string;
    certificate?: string;
    level: number;
  }>();
  return {
    board: BOARDS[options.board],
    into: resolve(options.into),
    isForLab: options.lab,
    again: options.again,
    isPacked: options.xz,
    key: options.key,
    certificate: options.certificate,
    level: options.level,
  };
}

function level(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 22) throw new InvalidArgumentError("from 1 to 22");
  return value;
}
