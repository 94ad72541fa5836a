import { uptimeText } from "../../portal/console/status-page.tsx";
import { type AgentLine, type AgentList, type LeaseView, shortId } from "../requester/agent/index.ts";
import { plain } from "./mesh-text.ts";

/** What a step means to who waits for it. */
const STEPS: Readonly<Record<string, string>> = {
  asked: "asked",
  unanswered: "no answer yet",
  queued: "waits for its turn",
  admitted: "let in",
  network: "its network is made, with no way but the tunnel",
  start: "it is started, and stands still",
  verify: "its isolation is looked at",
  resume: "it runs",
  guest: "it gets its keys and its time",
  running: "it is handed over",
  ssh: "SSH answers through the tunnel",
  suspended: "suspended",
  resumed: "goes on",
  checkpointed: "saved to a file",
  "not saved": "could not be saved",
  releasing: "is given back",
  ended: "over",
};

/** "  5.1 s  SSH answers through the tunnel" */
export function stepLine({ name, afterMs, why }: AgentLine["step"]): string {
  const time = `${(afterMs / 1_000).toFixed(1)} s`.padStart(8);
  return `${time}  ${STEPS[name] ?? plain(name)}${why === undefined ? "" : `: ${plain(why)}`}\n`;
}

const PHASES: Readonly<Record<LeaseView["phase"], string>> = {
  asking: "asked for",
  queued: "waiting",
  preparing: "being prepared",
  ready: "ready",
  suspended: "suspended",
  checkpointed: "saved",
  releasing: "being given back",
  ended: "over",
};

/** Whole minutes, as its provider counts; before the machine has run nothing is counted. */
export function leftText({ phase, durationS, runsSince }: LeaseView, nowMs: number): string {
  if (phase === "ended" || phase === "releasing") return "";
  if (runsSince === undefined) return `${uptimeText(durationS)} from when it runs`;
  const leftS = Math.max(0, durationS - (nowMs - runsSince) / 1_000);
  return leftS < 60 ? "less than a minute left" : `${uptimeText(Math.floor(leftS / 60) * 60)} left`;
}

export function listText({ leases, trouble }: AgentList, nowMs: number): string {
  const rows = leases.map((lease) => [
    shortId(lease.id),
    PHASES[lease.phase],
    `at ${plain(lease.provider)}`,
    lease.address,
    leftText(lease, nowMs),
    plain(lease.activity),
  ]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  if (leases.length === 0) lines.push(NOTHING);
  if (trouble !== undefined) lines.push(`! ${plain(trouble)}`);
  return `${lines.join("\n")}\n`;
}

export const NOTHING = "No virtual machine is borrowed now.";

/** Said once, when a machine can be used. */
export function readyText({ id, durationS, runsSince }: LeaseView, isHeld: boolean, nowMs: number): string {
  const lease = shortId(id);
  const ends = new Date((runsSince ?? nowMs) + durationS * 1_000).toTimeString().slice(0, 5);
  return [
    `Log in with        omerta-box vm ssh ${lease}`,
    `For scp and sftp   omerta-box vm ssh-config ${lease} > vm.conf; scp -F vm.conf FILE omerta-${lease}:`,
    `It is there until ${ends}${isHeld ? ", or until Ctrl-C here" : `, or until omerta-box vm release ${lease}`}.`,
    "",
  ].join("\n");
}

/** Why a lease is over that its requester did not give back. */
export function endText({ provider, outcome, why }: LeaseView): string {
  const reason = why === "" ? "" : `: ${plain(why)}`;
  const at = plain(provider);
  switch (outcome) {
    case "refused":
      return `${at} refuses${reason}`;
    case "expired":
      return "its time is over";
    case "silent":
      return `${at} has not heard of us for too long`;
    case "punished":
      return `${at} has ended it for what it tried${reason}`;
    case "displaced":
      return `${at} needs the room for one that goes first${reason}`;
    case "given up":
      return `given up${reason}`;
    default:
      return `${at} has ended it${reason}`;
  }
}
