import type { Role } from "./radio-plan.ts";
import { type Candidate, type Fit, fitOf, type Wishes } from "./role-fit.ts";

/** What each radio does, by its place in the inventory. */
export type Assignment = ReadonlyMap<number, { candidate: Candidate; roles: readonly Role[]; fit: Fit }>;

/** Fewer stations than this fill up at once in a shelter. */
const FEW_STATIONS = 20;

/**
 * Who does what, tried in every way that there is: of all that are possible the best by `rank`. With sixteen radios
 * that is ten thousand ways.
 */
export function assignRoles(candidates: readonly Candidate[], wishes: Wishes): Assignment {
  const { config } = wishes;
  const none = [undefined];
  const opens = config.open_network ? [...candidates, ...none] : none;
  const meshes = config.mesh.enabled ? [...candidates, ...none] : none;
  const uplinks = config.uplinks.length > 0 ? [...candidates, ...none] : none;
  const fits = new Map<string, Fit | undefined>();
  const fit = (candidate: Candidate, roles: readonly Role[]) => {
    const key = `${candidate.index} ${roles.join(" ")}`;
    if (!fits.has(key)) fits.set(key, fitOf(candidate, roles, wishes));
    return fits.get(key);
  };
  let best: { assignment: Assignment; rank: readonly number[] } = { assignment: new Map(), rank: [] };
  for (const open of opens) {
    for (const owe of open !== undefined && config.owe ? [open, undefined] : none) {
      for (const mesh of meshes) {
        for (const uplink of uplinks) {
          const assignment = together({ open, owe, mesh, uplink }, fit);
          if (assignment === undefined) continue;
          const rank = rankOf({ open, owe, mesh, uplink }, assignment);
          if (isBetter(rank, best.rank)) best = { assignment, rank };
        }
      }
    }
  }
  return best.assignment;
}

type Choice = Readonly<Record<Role, Candidate | undefined>>;

/** The roles of each radio, if each can take its own at the same time. */
function together(
  choice: Choice,
  fit: (candidate: Candidate, roles: readonly Role[]) => Fit | undefined,
): Assignment | undefined {
  const assignment = new Map<number, { candidate: Candidate; roles: readonly Role[]; fit: Fit }>();
  for (const candidate of new Set(Object.values(choice))) {
    if (candidate === undefined) continue;
    const roles = (["open", "owe", "mesh", "uplink"] as const).filter((role) => choice[role] === candidate);
    const found = fit(candidate, roles);
    if (found === undefined) return undefined;
    assignment.set(candidate.index, { candidate, roles, fit: found });
  }
  return assignment;
}

/**
 * What is better, most important first: an open network, on a radio that is good for it; a mesh; an uplink; encryption
 * for guests; guests kept apart, many of them, at 2.4 GHz, where every phone hears far; the mesh where most boxes are;
 * little shared. Of equal ones the first radios, so that a plan stays what it is.
 */
function rankOf({ open, owe, mesh, uplink }: Choice, assignment: Assignment): number[] {
  const yes = (value: boolean) => (value ? 1 : 0);
  const radio = open?.radio;
  const all = [...assignment.values()];
  return [
    yes(open !== undefined),
    yes(radio !== undefined && !radio.lastResort),
    yes(mesh !== undefined),
    yes(uplink !== undefined),
    yes(owe !== undefined),
    yes(radio?.apIsolation ?? false),
    yes(radio !== undefined && (radio.maxStations ?? Number.POSITIVE_INFINITY) >= FEW_STATIONS),
    yes(radio?.bands.some(({ band }) => band === "2.4GHz") ?? false),
    -(mesh === undefined ? 0 : (assignment.get(mesh.index)?.fit.meshChoice ?? 0)),
    -yes(open !== undefined && (open === mesh || open === uplink)),
    -all.filter(({ roles }) => roles.length > 1).length,
    -(open?.index ?? 0),
    -(mesh?.index ?? 0),
    -(uplink?.index ?? 0),
  ];
}

function isBetter(rank: readonly number[], than: readonly number[]): boolean {
  for (const [index, value] of rank.entries()) {
    const other = than[index];
    if (other === undefined || value > other) return true;
    if (value < other) return false;
  }
  return false;
}
