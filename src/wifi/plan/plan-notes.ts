import type { RadioInventory } from "../radio-inventory.ts";
import type { Assignment } from "./assign-roles.ts";
import { mayOpen } from "./channel-choice.ts";
import { canCarry } from "./combinations.ts";
import type { PlanNote, PlannedRadio, Role } from "./radio-plan.ts";
import { type Candidate, TYPE_OF, uplinksHeard, type Wishes, whyNot } from "./role-fit.ts";

const WHAT: Readonly<Record<Role, string>> = {
  open: "the open network",
  owe: "encryption for guests (OWE)",
  mesh: "the mesh",
  uplink: "the uplink",
};

/** Why a plan is as it is: what each radio was chosen for, what sharing costs, what is not to be had. */
export function notesOf(
  inventory: RadioInventory,
  candidates: readonly Candidate[],
  roles: Assignment,
  radios: readonly PlannedRadio[],
  wishes: Wishes,
): PlanNote[] {
  return [
    ...countryNotes(inventory, wishes),
    ...[...roles.values()].flatMap(({ candidate, roles: own, fit }) => [
      ...choiceNotes(candidate, own, fit.ownUplinkChannel, candidates, radios, wishes),
      ...costNotes(candidate, own, radios),
      ...limitNotes(candidate, own),
    ]),
    ...refusals(candidates, roles, wishes),
  ];
}

function countryNotes({ country, radios }: RadioInventory, { config }: Wishes): PlanNote[] {
  const note = (text: string): PlanNote[] => [{ kind: "limit", phy: undefined, text }];
  if (radios.length === 0) return [];
  if (config.country !== "" && config.country !== country)
    return note(
      `wifi.country is ${config.country}, but these radios were read under the rules of ${country}: channels and power are those of ${country}`,
    );
  if (country === "00")
    return note("no country is set, so only what is allowed everywhere is used: set wifi.country");
  return [];
}

function choiceNotes(
  candidate: Candidate,
  own: readonly Role[],
  ownUplinkChannel: boolean,
  candidates: readonly Candidate[],
  radios: readonly PlannedRadio[],
  wishes: Wishes,
): PlanNote[] {
  const { phy } = candidate.radio;
  const note = (text: string): PlanNote => ({ kind: "chosen", phy, text });
  const channel = radios[candidate.index]?.channel;
  const notes: PlanNote[] = [];
  if (own.includes("open")) {
    const able = candidates.filter((one) => whyNot(one, "open", wishes) === undefined);
    notes.push(note(`the open network is here because ${whyHere(candidate, able)}`));
  }
  if (channel === undefined) return notes;
  const avoided = wishes.config.avoid_channels.includes(channel.number);
  if (own.includes("mesh")) notes.push(note(`channel ${channel.number}: where the mesh's boxes meet`));
  else if (own.includes("uplink") && !ownUplinkChannel)
    notes.push(note(`channel ${channel.number}: that of the uplink`));
  else if (own.includes("open")) {
    const heard = wishes.heard.length;
    const how =
      heard === 0
        ? "nothing was heard"
        : `the least occupied of those that suit; ${heard === 1 ? "1 network" : `${heard} networks`} heard`;
    notes.push(note(`channel ${channel.number}: ${how}`));
  }
  if (avoided) notes.push(note(`channel ${channel.number} is to be avoided, but nothing else is left`));
  return notes;
}

function whyHere({ radio }: Candidate, able: readonly Candidate[]): string {
  const others = able.filter((one) => one.radio !== radio).map((one) => one.radio);
  if (others.length === 0) return "no other radio can";
  if (others.every((one) => one.lastResort)) return "the others do it badly";
  if (radio.apIsolation && others.some((one) => !one.apIsolation)) return "it keeps guests apart";
  const room = (count: number | undefined) => count ?? Number.POSITIVE_INFINITY;
  if (others.some((one) => room(one.maxStations) < room(radio.maxStations))) return "it takes more stations";
  return "it is the best use of the radios together";
}

function costNotes(
  { radio, index }: Candidate,
  own: readonly Role[],
  radios: readonly PlannedRadio[],
): PlanNote[] {
  const what = own.filter((role) => role !== "owe").map((role) => WHAT[role]);
  if (what.length < 2) return [];
  const interval = radios[index]?.beaconIntervalTu ?? 100;
  const oneChannel =
    !own.includes("uplink") ||
    !canCarry(
      radio,
      own.map((role) => TYPE_OF[role]),
      2,
    );
  const shared = oneChannel
    ? `one channel, one beacon interval (${interval} × 1.024 ms)`
    : "it goes to and fro between two channels";
  const share = what.length === 2 ? "half" : "a third of";
  const text = `${what.join(" and ")} share this radio: ${shared}, and about ${share} the airtime for each`;
  const uplink = own.includes("uplink")
    ? "; when the uplink's network changes its channel, the others go with it"
    : "";
  return [{ kind: "cost", phy: radio.phy, text: `${text}${oneChannel ? uplink : ""}` }];
}

function limitNotes({ radio }: Candidate, own: readonly Role[]): PlanNote[] {
  const note = (text: string): PlanNote => ({ kind: "limit", phy: radio.phy, text });
  const guests = own.includes("open");
  const known = radio.quirks.filter(
    ({ matters }) =>
      matters === "always" ||
      (matters === "guests" && guests) ||
      (matters === "guests and uplink" && guests && own.includes("uplink")),
  );
  const notes: PlanNote[] = [];
  if (guests && radio.maxStations !== undefined)
    notes.push(note(`at most ${radio.maxStations} stations at a time`));
  if (guests && !radio.apIsolation && known.every(({ truth }) => truth.apIsolation !== false))
    notes.push(note("guests are not kept apart here: they reach each other directly"));
  return [...notes, ...known.map(({ words, source }) => note(`${words} (${source})`))];
}

function refusals(candidates: readonly Candidate[], roles: Assignment, wishes: Wishes): PlanNote[] {
  const { config } = wishes;
  if (!config.enabled) return [refusal(undefined, "the radios are left alone, by wifi.enabled")];
  if (candidates.length === 0) return [refusal(undefined, "there is no radio")];
  const wanted: Role[] = [
    ...(config.open_network ? (["open"] as const) : []),
    ...(config.open_network && config.owe ? (["owe"] as const) : []),
    ...(config.mesh.enabled ? (["mesh"] as const) : []),
    ...(config.uplinks.length > 0 ? (["uplink"] as const) : []),
  ];
  const done = new Set([...roles.values()].flatMap(({ roles: own }) => own));
  return wanted
    .filter((role) => !done.has(role))
    .flatMap((role) => [
      refusal(undefined, `${WHAT[role]} is not to be had with these radios`),
      ...candidates.map((one) =>
        refusal(one.radio.phy, `${WHAT[role]}: ${whyNotHere(one, role, roles, wishes)}`),
      ),
    ]);
}

/** Why one radio does not take a role that none takes. */
function whyNotHere(candidate: Candidate, role: Role, roles: Assignment, wishes: Wishes): string {
  const alone = whyNot(candidate, role, wishes);
  if (alone !== undefined) return `${candidate.radio.driver || "it"} ${alone}`;
  const own = roles.get(candidate.index)?.roles ?? [];
  const busy = own.filter((one) => one !== role).map((one) => WHAT[one]);
  const needed = `it is needed for ${busy.join(" and ")}`;
  if (
    role === "uplink" &&
    canCarry(
      candidate.radio,
      [...own, role].map((one) => TYPE_OF[one]),
      1,
    )
  )
    return `${needed}, which must be on the uplink's channel; ${whyNotShared(candidate, wishes)}`;
  if (role === "owe" && own.length === 0) return "the open network is on another radio";
  return `${needed}, and cannot do both at the same time`;
}

function whyNotShared({ radio }: Candidate, wishes: Wishes): string {
  const heard = uplinksHeard(wishes);
  if (heard.length === 0) return "none of wifi.uplinks is in reach";
  const channels = heard.map(({ frequencyMhz }) =>
    radio.channels.find((one) => one.frequencyMhz === frequencyMhz),
  );
  const closed = channels.flatMap((one) => (one && !mayOpen(one) ? [one.number] : []));
  if (closed.length > 0) return `it is on channel ${closed.join(", ")}, where no network may be opened`;
  return "it is on a channel where the mesh is not";
}

function refusal(phy: string | undefined, text: string): PlanNote {
  return { kind: "refused", phy, text };
}
