import type {
  ComputeView,
  ShownEnd,
  ShownLease,
  ShownRequester,
  ShownWaiting,
} from "../../src/vm/operator/index.ts";
import { uptimeText } from "./status-page.tsx";

// What the operator's page and command line say alike of what a box lends.

/** Where requests of the box's own operator come from. */
const OWN: ShownLease["from"] = "this box";

type Room = NonNullable<ComputeView["room"]>;

/** "1 of 4 virtual machines lent, emulated: 1 of 3 processors, …" */
export function roomText({ acceleration, total, lent, free, leases, maxLeases }: Room): string {
  const how = acceleration === "kvm" ? "" : ", emulated because this processor runs none itself";
  const next =
    free.cpus === 0
      ? "There is no room for a further one."
      : `A next one could have ${processors(free.cpus)}, ${free.memoryMiB} MiB of memory and ${free.diskMiB} MiB of disk.`;
  const disk = lent.diskMiB === 0 ? "" : `, ${lent.diskMiB} MiB of disk`;
  return `${leases} of ${maxLeases} virtual machines are lent${how}: ${lent.cpus} of ${processors(total.cpus)}, ${lent.memoryMiB} of ${total.memoryMiB} MiB of memory${disk}. ${next}`;
}

const ACCEPT: Record<ComputeView["terms"]["accept"], string> = {
  all: "everybody",
  members: "members of its networks",
  ask: "whom you let in",
  nobody: "nobody but you",
};

export function termsText({ accept, operatorsInspect, quietHours }: ComputeView["terms"]): string[] {
  return [
    `It lends to ${ACCEPT[accept]}, where no rule says otherwise${quietHours === "" ? "" : `; not from ${quietHours.replace("-", " to ")}`}.`,
    operatorsInspect
      ? "Requesters are told that operators may look inside their machines; who does not agree is refused."
      : "Its operators do not look inside the machines, so requesters are not asked to agree to it (vm.operators_inspect).",
  ];
}

/** "Elm Street (huge brown science receive)" */
export const whoText = ({ name, words }: ShownRequester): string =>
  name === undefined ? words : `${name} (${words})`;

export const sizeText = ({ cpus, memoryMiB, diskMiB }: ShownLease | ShownWaiting): string =>
  `${processors(cpus)}, ${memoryMiB} MiB of memory${diskMiB === 0 ? "" : `, ${diskMiB} MiB of disk`}`;

const processors = (count: number): string => (count === 1 ? "1 processor" : `${count} processors`);

/** "192.0.2.9, a member of Valley" */
export const fromText = ({ from, network }: ShownLease | ShownWaiting): string =>
  [from, network === "" ? "" : `a member of ${network}`].filter((part) => part !== "").join(", ");

/** "50, reputation 64"; the box's own operator has none. */
export const rankText = ({ from, priority, reputation }: ShownLease | ShownWaiting): string =>
  from === OWN ? String(priority) : `${priority}, reputation ${reputation}`;

const WAITS: Record<ShownWaiting["waitsFor"], string> = {
  operator: "For your answer",
  room: "For room",
  host: "For the box to lend again",
};

/** "For room, place 2: All that this box lends is lent." */
export const waitText = ({ waitsFor, why, place }: ShownWaiting): string =>
  waitsFor === "operator" ? WAITS.operator : `${WAITS[waitsFor]}, place ${place}: ${why.replace(/\.$/, "")}`;

const PHASES: Record<ShownLease["phase"], string> = {
  asked: "Asked for",
  queued: "Waiting",
  admitted: "Let in",
  preparing: "Being made",
  running: "Running",
  suspended: "Suspended",
  checkpointing: "Being saved",
  checkpointed: "Saved",
  ending: "Being deleted",
  ended: "Over",
};

/** "Suspended: the host needs the processor" */
export const phaseText = ({ phase, why }: ShownLease): string =>
  why === "" || phase === "running" ? PHASES[phase] : `${PHASES[phase]}: ${why}`;

/** "12 KiB sent, 3.4 MiB received"; "" where it is not known. */
export const trafficText = ({ upBytes, downBytes }: ShownLease): string =>
  upBytes === undefined || downBytes === undefined
    ? ""
    : `${bytesText(upBytes)} sent, ${bytesText(downBytes)} received`;

/** "12 s of processor time, 340 J"; "" where nothing could be measured. */
export const energyText = ({ cpuSeconds, energyJoules }: ShownLease): string =>
  [
    cpuSeconds === undefined ? "" : `${cpuSeconds.toFixed(cpuSeconds < 10 ? 1 : 0)} s of processor time`,
    energyJoules === undefined ? "" : joulesText(energyJoules),
  ]
    .filter((part) => part !== "")
    .join(", ");

const joulesText = (joules: number): string =>
  joules < 3_600 ? `${joules.toFixed(joules < 10 ? 1 : 0)} J` : `${(joules / 3_600).toFixed(1)} Wh`;

export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const OUTCOMES: Record<ShownEnd["outcome"], string> = {
  released: "given back",
  expired: "its time was over",
  silent: "nothing was heard of its requester",
  punished: "ended for what it tried",
  displaced: "ended for one that goes first",
  host: "ended by this box",
  failed: "failed",
  swept: "swept away at a start",
  refused: "refused",
};

/** "given back after 12 min" */
export const endedText = ({ outcome, why, usedSeconds }: ShownEnd): string => {
  const more = ["punished", "failed", "host"].includes(outcome) && why !== "" ? ` (${why})` : "";
  return `${OUTCOMES[outcome]} after ${uptimeText(usedSeconds)}${more}`;
};
