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
  /** Whose image it is: a private key and its certificate (PEM); undefined: of this machine, for development. */
  key: string | undefined;
  certificate: string | undefined;
  /** Whose updates the box installs; none: those of the certificate. */
  keyring: string[];
  /** Also an update for boxes that run. */
  isBundled: boolean;
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
    .option("--bundle", "also an update for boxes that run", false)
    .option("--key <file>", "the private key that signs (PEM)")
    .option("--certificate <file>", "its certificate (PEM)")
    .option("--keyring <file...>", "whose updates the box installs (PEM), instead of the certificate's", [])
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
    keyring: string[];
    bundle: boolean;
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
    keyring: options.keyring,
    isBundled: options.bundle,
    level: options.level,
  };
}

function level(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 22) throw new InvalidArgumentError("from 1 to 22");
  return value;
}
