import { Command } from "commander";
import {
  endedText,
  energyText,
  fromText,
  phaseText,
  rankText,
  roomText,
  sizeText,
  termsText,
  trafficText,
  waitText,
  whoText,
} from "../../portal/console/compute-text.ts";
import { uptimeText } from "../../portal/console/status-page.tsx";
import { CONTROL_SOCKET } from "../host/box-places.ts";
import type { ComputeAction, ComputeRequest, NotChanged } from "../portal/index.ts";
import type { ComputeView, ShownLease, ShownWaiting } from "../vm/operator/index.ts";
import { ask, type BoxRequest, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";
import { plain } from "./mesh-text.ts";

/** The operator's side of what this box lends, beside the commands of who borrows. */
export function vmOperatorCommands(): Command[] {
  const sub = (name: string, description: string) =>
    withControlOptions(new Command(name).description(description));
  const onId = (action: "allow" | "refuse" | "end", description: string) =>
    sub(action, description)
      .argument("<id>", "of vm leases, or its first digits")
      .action((id: string, options: ControlOptions) => change(options, action, { id }));
  return [
    sub("leases", "what this box lends, to whom and what for, and who waits").action(leases),
    onId("allow", "this box's operator lets in a request that asks for it"),
    onId("refuse", "refuses a request that waits"),
    onId("end", "ends a lease of this box, and deletes its machine"),
    sub("block", "lends somebody nothing from now on, and ends what they have")
      .argument("<who>", "a requester's public key, or the id of a lease or request of theirs")
      .action((who: string, options: ControlOptions) => change(options, "block", { who })),
    sub("unblock", "lends to them again")
      .argument("<who>", "a public key, or its first digits")
      .action((who: string, options: ControlOptions) => change(options, "unblock", { who })),
  ];
}

const HERE = { socket: CONTROL_SOCKET } as const;

async function leases(options: ControlOptions): Promise<void> {
  const view = await answered<ComputeView>(options, { ...HERE, path: "/api/compute" });
  if (view === undefined) return;
  process.stdout.write(options.json ? `${JSON.stringify(view)}\n` : computeText(view));
}

async function change<A extends ComputeAction>(
  options: ControlOptions,
  action: A,
  body: ComputeRequest[A],
): Promise<void> {
  const done = await answered<object>(options, { ...HERE, path: `/api/compute/${action}`, body });
  if (done === undefined) return;
  process.stdout.write(options.json ? `${JSON.stringify(done)}\n` : "Done.\n");
}

/** @returns undefined when it was refused or nobody answers, which has been said then */
async function answered<T>(options: ControlOptions, request: BoxRequest): Promise<T | undefined> {
  const result = await ask<T | NotChanged>(options, request);
  if (result === undefined) return undefined;
  const { ok, answer } = result;
  if (ok && !isRefusal(answer)) return answer;
  process.exitCode = EXIT.failed;
  process.stderr.write(`omerta-box: ${plain(isRefusal(answer) ? answer.detail : "refused")}\n`);
  return undefined;
}

const isRefusal = (answer: unknown): answer is NotChanged =>
  typeof answer === "object" && answer !== null && "refused" in answer && "detail" in answer;

function computeText(view: ComputeView): string {
  const { lendsNothing, room, leases: all, waiting, ended, blocked, terms } = view;
  const lines = [
    ...(lendsNothing === undefined ? [] : [`This box lends nothing: ${plain(lendsNothing)}.`]),
    ...(room === undefined ? [] : [roomText(room)]),
    ...termsText(terms),
    ...section("Waiting", waiting.flatMap(waitingLines)),
    ...section("Lent", all.flatMap(leaseLines)),
    ...section(
      "Over",
      ended.map((one) => `${one.id.slice(0, 8)}  ${plain(endedText(one))}: ${plain(one.activity)}`),
    ),
    ...section(
      "Blocked",
      blocked.map((one) => {
        const where = one.byConfiguration ? " (by the configuration)" : "";
        return `${one.key.slice(0, 16)}  ${plain(whoText(one))}${where}`;
      }),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  ${line}`)];

const waitingLines = (one: ShownWaiting): string[] => [
  `${one.id.slice(0, 8)}  ${plain(waitText(one))}, asked ${uptimeText(one.waitedSeconds)} ago`,
  ...factLines(one, [`wants ${sizeText(one)}, for ${uptimeText(one.seconds)}`]),
];

const leaseLines = (one: ShownLease): string[] => [
  `${one.id.slice(0, 8)}  ${plain(phaseText(one))}, ${uptimeText(one.secondsLeft)} left`,
  ...factLines(one, [
    `has ${sizeText(one)}`,
    trafficText(one),
    energyText(one),
    one.rogueAttempts === 0 ? "" : `! ${one.rogueAttempts} packets were tried past its tunnel`,
  ]),
];

function factLines(one: ShownLease | ShownWaiting, facts: readonly string[]): string[] {
  const from = fromText(one);
  return [
    `for: ${plain(one.activity) || "(nothing was said)"}`,
    `by ${plain(whoText(one.who))}${from === "" ? "" : `, from ${plain(from)}`}; priority ${rankText(one)}`,
    ...facts.filter((fact) => fact !== ""),
    one.acceptsInspection ? "agrees that operators look inside" : "",
  ]
    .filter((fact) => fact !== "")
    .map((fact) => `          ${fact}`);
}
