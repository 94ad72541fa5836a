import { faultText, readRows, type Section } from "../hostap-syntax/index.ts";
import { readBlocks } from "./file-blocks.ts";
import { validateWpaOptions } from "./generate.ts";
import { readMesh } from "./mesh-lines.ts";
import type { Network, WpaOptions } from "./options.ts";
import { readStation } from "./station-lines.ts";
import { problem } from "./wpa-conf-error.ts";
import { GLOBAL_ROWS } from "./wpa-rows.ts";

/**
 * Reads a file back into the options that give it, whoever wrote it. What these options cannot say is an error, as it
 * would be lost otherwise.
 * @throws {WpaConfError} with the line, or with the field where it is the lines together that are wrong
 */
export function parseWpaConf(text: string): WpaOptions {
  const blocks = readBlocks(text);
  const networks = blocks.networks.map((section, index) => readNetwork(section, `networks[${index}]`));
  const control = readControl(blocks.global);
  readOwnPeering(blocks.global, networks);
  const options = { ...control, ...readRows(blocks.global, GLOBAL_ROWS, ""), networks };
  for (const section of [blocks.global, ...blocks.networks]) section.end();
  validateWpaOptions(options);
  return options;
}

function readNetwork(section: Section, where: string): Network {
  const mode = section.take("mode");
  if (mode === undefined || mode.value === "0") return readStation(section, where);
  if (mode.value === "5") return readMesh(section, where);
  throw problem(`${where}.mode`, faultText(mode.value, "0 (a station) or 5 (a mesh)"), mode.number);
}

function readControl(section: Section): Pick<WpaOptions, "controlDirectory" | "controlGroupId"> {
  const line = section.take("ctrl_interface");
  if (line === undefined) return {};
  const [, directory, group] = /^(?:DIR=)?(\/\S*?)(?: GROUP=(\d{1,10}))?$/.exec(line.value) ?? [];
  if (directory === undefined)
    throw problem(
      "controlDirectory",
      faultText(line.value, "DIR=/a/path, with GROUP=number or without"),
      line.number,
    );
  return { controlDirectory: directory, ...(group === undefined ? {} : { controlGroupId: Number(group) }) };
}

/** The kernel's own peering knows no SAE: a mesh needs user_mpm, which is also wpa_supplicant's default. */
function readOwnPeering(section: Section, networks: readonly Network[]): void {
  const line = section.take("user_mpm");
  if (line === undefined || line.value === "1") return;
  if (networks.some((network) => network.mode === "mesh"))
    throw problem("user_mpm", faultText(line.value, "1, which a mesh needs"), line.number);
}
