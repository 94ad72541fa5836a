import { type ConfProblem, directory, faultText, integer, rowProblems } from "../hostap-syntax/index.ts";
import { MAX_NETWORKS } from "./file-blocks.ts";
import { MESH_PASSWORD_ROWS } from "./mesh-lines.ts";
import type { MeshNetwork, StationSecurity, WpaOptions } from "./options.ts";
import { KEY_ROWS, PASSWORD_ROWS } from "./station-lines.ts";
import { GLOBAL_ROWS, MESH_ROWS, STATION_ROWS } from "./wpa-rows.ts";

const MAX_GROUP_ID = 2_147_483_647;

/** First and last middle of a 20 MHz channel, and what lies between two. */
const STRETCHES = [
  [2_412, 2_472, 5],
  [2_484, 2_484, 5],
  [5_180, 5_320, 20],
  [5_500, 5_720, 20],
  [5_745, 5_885, 20],
  [5_955, 7_115, 20],
] as const;
const LOWEST_5GHZ = 5_180;
const LOWEST_6GHZ = 5_955;
/** Primary channels with which wpa_supplicant 2.10 makes a mesh of 160 MHz on 5 GHz. */
const WITH_160MHZ = [5_180, 5_520];

/** What is wrong with options, alone and together. */
export function* wpaProblems(options: WpaOptions): Generator<ConfProblem> {
  yield* rowProblems(options, GLOBAL_ROWS, "");
  yield* controlProblems(options);
  const { networks } = options;
  if (networks.length > MAX_NETWORKS)
    yield { field: "networks", why: `${networks.length} are more than ${MAX_NETWORKS}` };
  const mesh = networks.some((network) => network.mode === "mesh");
  if (mesh && networks.length > 1) yield { field: "networks", why: "a mesh is alone on its interface" };
  if (!mesh && options.maxPeers !== undefined) yield { field: "maxPeers", why: "is for a mesh" };
  if (!mesh && options.peerInactivityS !== undefined)
    yield { field: "peerInactivityS", why: "is for a mesh" };
  if (mesh && options.randomScanAddress !== undefined)
    yield { field: "randomScanAddress", why: "is for stations: the peers of a mesh know it by its address" };
  if (mesh && options.autoscan !== undefined) yield { field: "autoscan", why: "is for stations" };
  for (const [index, network] of networks.entries()) {
    const where = `networks[${index}]`;
    if (network.mode === "mesh") {
      yield* meshProblems(network, options, where);
    } else {
      yield* rowProblems(network, STATION_ROWS, where);
      yield* securityProblems(network.security, `${where}.security`);
    }
  }
}

function* controlProblems({ controlDirectory, controlGroupId }: WpaOptions): Generator<ConfProblem> {
  if (controlDirectory !== undefined && !directory.fits(controlDirectory))
    yield { field: "controlDirectory", why: faultText(controlDirectory, directory.form) };
  if (controlGroupId === undefined) return;
  const group = integer(0, MAX_GROUP_ID);
  if (!group.fits(controlGroupId))
    yield { field: "controlGroupId", why: faultText(controlGroupId, group.form) };
  if (controlDirectory === undefined) yield { field: "controlGroupId", why: "needs controlDirectory" };
}

function* meshProblems(mesh: MeshNetwork, options: WpaOptions, where: string): Generator<ConfProblem> {
  yield* rowProblems(mesh, MESH_ROWS, where);
  if (mesh.security.kind === "sae")
    yield* rowProblems(mesh.security, MESH_PASSWORD_ROWS, `${where}.security`);
  const { frequencyMhz, widthMhz, security } = mesh;
  const stretch = STRETCHES.find(([first, last]) => frequencyMhz >= first && frequencyMhz <= last);
  if (stretch === undefined || (frequencyMhz - stretch[0]) % stretch[2] !== 0)
    yield { field: `${where}.frequencyMhz`, why: `${frequencyMhz} is the middle of no channel` };
  if (frequencyMhz >= LOWEST_5GHZ && options.country === undefined)
    yield { field: "country", why: `a mesh on ${frequencyMhz} MHz needs it` };
  if (widthMhz !== undefined && widthMhz > 20 && frequencyMhz < LOWEST_5GHZ)
    yield { field: `${where}.widthMhz`, why: `${widthMhz} MHz are for 5 GHz` };
  if (widthMhz === 160 && !WITH_160MHZ.includes(frequencyMhz))
    yield { field: `${where}.widthMhz`, why: `160 MHz are made from ${WITH_160MHZ.join(" and ")} MHz alone` };
  if (frequencyMhz < LOWEST_6GHZ) return;
  if (widthMhz !== undefined) yield { field: `${where}.widthMhz`, why: "is not to be chosen on 6 GHz" };
  if (security.kind !== "sae") yield { field: `${where}.security.kind`, why: "6 GHz needs sae" };
  if (options.passwordElement !== "hash-to-element")
    yield { field: "passwordElement", why: "6 GHz needs hash-to-element" };
}

function* securityProblems(security: StationSecurity, where: string): Generator<ConfProblem> {
  if (security.kind === "wpa2" || security.kind === "wpa2-wpa3")
    yield* rowProblems({ key: security }, KEY_ROWS, where);
  if (security.kind === "wpa3" || security.kind === "wpa2-wpa3")
    yield* rowProblems(security, PASSWORD_ROWS, where);
}
