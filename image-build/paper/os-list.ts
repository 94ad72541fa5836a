import type { Board } from "../board.ts";

export interface OsListOptions {
  board: Board;
  version: string;
  seconds: number;
  /** The packed image: its name, size and hash, and those of what is in it. */
  file: string;
  packedBytes: number;
  packedSha256: string;
  bytes: number;
  sha256: string;
}

/** By the names that rpi-imager has for boards (its `os_list_imagingutility_v4.json`). */
const DEVICES: Record<Board["name"], string[]> = {
  "rpi-arm64": ["pi4-64bit", "pi3-64bit"],
  "pc-amd64": [],
};

/**
 * An entry of an `os_list` for rpi-imager (its doc/json-schema/os-list-schema.json). Whoever publishes the image puts the
 * address of their own before the file's name.
 */
export function osListEntry(options: OsListOptions): string {
  const { board, version, seconds, file, packedBytes, packedSha256, bytes, sha256 } = options;
  const entry = {
    name: `Omerta Box ${version}`,
    description: `An open network with a portal, for ${board.title}`,
    url: file,
    icon: "",
    website: "",
    release_date: new Date(seconds * 1000).toISOString().slice(0, 10),
    extract_size: bytes,
    extract_sha256: sha256,
    image_download_size: packedBytes,
    image_download_sha256: packedSha256,
    // It is set up by omerta.toml on the card, not by the imager.
    init_format: "none",
    devices: DEVICES[board.name],
  };
  return `${JSON.stringify({ os_list: [entry] }, null, 1)}\n`;
}
