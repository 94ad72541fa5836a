import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { uptimeText } from "../../portal/console/status-page.tsx";
import { CONTROL_SOCKET } from "../host/box-places.ts";
import {
  type MessagesStatus,
  NOTICE_LEVELS,
  type NoticeLevel,
  type NotSent,
  type OutboxEntry,
  type Page,
  type Reported,
  type ShownCheckIn,
  type ShownNotice,
  type ShownPost,
  type ShownSos,
} from "../messages/index.ts";
import type { MessagesRequest } from "../portal/index.ts";
import { ask, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";

/** Copying a stick takes its time. */
const COPY_TIMEOUT_MS = 30 * 60_000;

export function messagesCommand(): Command {
  const sub = (name: string, description: string) =>
    withControlOptions(new Command(name).description(description));
  return new Command("messages")
    .description("calls for help, notices, check-ins and posts on this box and those around it")
    .addCommand(sub("status", "what is kept, and whom it is exchanged with").action(status))
    .addCommand(sub("sos", "calls for help").option("--all", "the closed ones too").action(sos))
    .addCommand(
      sub("acknowledge", "tells who calls for help that somebody deals with it")
        .argument("<id>")
        .argument("[note]", "what they read", "")
        .action((id: string, note: string, options: ControlOptions) =>
          change(options, "acknowledge", { id, note }),
        ),
    )
    .addCommand(
      sub("hand-over", "says who deals with a call for help now")
        .argument("<id>")
        .argument("<to>")
        .action((id: string, to: string, options: ControlOptions) =>
          change(options, "hand-over", { id, to }),
        ),
    )
    .addCommand(
      sub("close", "says that a call for help is over")
        .argument("<id>")
        .argument("[note]", "what they read", "")
        .action((id: string, note: string, options: ControlOptions) =>
          change(options, "close", { id, note }),
        ),
    )
    .addCommand(sub("notices", "notices that hold").action(notices))
    .addCommand(
      sub("notify", "tells everybody something, here and on the other boxes")
        .argument("<text>")
        .addOption(
          new Option("--level <level>", "how grave it is").choices(NOTICE_LEVELS).default("information"),
        )
        .option("--for <hours>", "how long it holds, 1 to 720", hours, 48)
        .action((text: string, options: ControlOptions & { level: NoticeLevel; for: number }) =>
          change(options, "notify", { text, level: options.level, hours: options.for }),
        ),
    )
    .addCommand(
      sub("posts", "the town square, or another room").argument("[room]", "", "square").action(posts),
    )
    .addCommand(sub("people", "who has checked in").argument("[name]", "", "").action(people))
    .addCommand(sub("reported", "what guests have reported").action(reported))
    .addCommand(
      sub("remove", "takes a public message away, everywhere, with a trace")
        .argument("<id>")
        .argument("[reason]", "what everybody reads in its place", "")
        .action((id: string, reason: string, options: ControlOptions) =>
          change(options, "remove", { id, reason }),
        ),
    )
    .addCommand(
      sub("block", "takes nothing more from a person or a device")
        .argument(
          "<who>",
          "the id of something they wrote, a person's key or words, or a device's MAC address",
        )
        .action((who: string, options: ControlOptions) => change(options, "block", { who })),
    )
    .addCommand(
      sub("unblock", "takes from it again")
        .argument("<who>")
        .action((who: string, options: ControlOptions) => change(options, "block", { who }, "unblock")),
    )
    .addCommand(sub("blocked", "who is blocked").action(blocked))
    .addCommand(sub("outbox", "what waits for people who have no box").action(outbox))
    .addCommand(
      sub("export", "writes all messages into a folder, such as one on a USB stick")
        .argument("<folder>")
        .action(exportTo),
    )
    .addCommand(sub("import", "takes messages from such a folder").argument("<folder>").action(importFrom));
}

async function status(options: ControlOptions): Promise<void> {
  await tell<MessagesStatus>(options, "status", ({ held, bytes, maxBytes, neighbours, outbox, sos }) => [
    `Calls for help: ${sos.open} open, ${sos.acknowledged} of them acknowledged`,
    `Kept: ${
      Object.entries(held)
        .filter(([, count]) => count > 0)
        .map(([priority, count]) => `${count} ${priority}`)
        .join(", ") || "nothing"
    }; ${mib(bytes)} of ${mib(maxBytes)} MiB`,
    `For people outside: ${outbox.waiting} waiting, ${outbox.sent} sent, ${outbox.failed} failed; ${outbox.bridge}`,
    ...neighbours.map(({ name, by, inSync, agoS, waiting }) => {
      const compared = agoS === undefined ? "not compared yet" : `compared ${uptimeText(agoS)} ago`;
      return `  ${plain(name)} by ${by}: ${inSync ? "has the same" : compared}${waiting > 0 ? `, ${waiting} waiting` : ""}`;
    }),
  ]);
}

async function sos(options: ControlOptions & { all?: boolean }): Promise<void> {
  await tell<ShownSos[]>(options, options.all ? "sos?all" : "sos", (all) =>
    all.length === 0
      ? ["No call for help is open."]
      : all.flatMap((one) => [
          `${short(one)} ${one.state}${one.note === "" ? "" : ` (${plain(one.note)})`}: ${plain(one.text)}`,
          ...sosFacts(one).map((fact) => `    ${fact}`),
        ]),
  );
}

function sosFacts({ name, place, people, injured, batteryPercent, contact, box }: ShownSos): string[] {
  const at =
    place.at && `${(place.at.latitudeE6 / 1e6).toFixed(5)}, ${(place.at.longitudeE6 / 1e6).toFixed(5)}`;
  return [
    name === "" ? "" : `name: ${plain(name)}`,
    place.words === "" ? "" : `place: ${plain(place.words)}`,
    at === undefined ? "" : `at ${at}`,
    people === 0 ? "" : `${people} people${injured === 0 ? "" : `, ${injured} hurt`}`,
    batteryPercent === undefined ? "" : `phone at ${batteryPercent} %`,
    contact === "" ? "" : `contact: ${plain(contact)}`,
    box === undefined ? "" : `written at ${plain(box)}`,
  ].filter((fact) => fact !== "");
}

async function notices(options: ControlOptions): Promise<void> {
  await tell<ShownNotice[]>(options, "notices", (all) =>
    all.length === 0
      ? ["No notice holds."]
      : all.map(
          (one) => `${short(one)} ${one.level}${one.trusted ? "" : " (unknown sender)"}: ${plain(one.text)}`,
        ),
  );
}

async function posts(room: string, options: ControlOptions): Promise<void> {
  await tell<Page<ShownPost>>(options, `posts?room=${encodeURIComponent(room)}`, ({ items }) =>
    items.length === 0
      ? ["Nothing has been written there."]
      : items.map((one) =>
          one.removed
            ? `${short(one)} taken away by its ${one.removed.by}: ${plain(one.removed.reason)}`
            : `${short(one)} ${plain(one.name) || "somebody"}: ${plain(one.text)}`,
        ),
  );
}

async function people(name: string, options: ControlOptions): Promise<void> {
  await tell<Page<ShownCheckIn>>(options, `check-ins?name=${encodeURIComponent(name)}`, ({ items }) =>
    items.length === 0
      ? ["Nobody of that name has checked in."]
      : items.map((one) => {
          const where = one.place.words === "" ? "" : `, ${plain(one.place.words)}`;
          return `${short(one)} ${plain(one.name) || "somebody"}: ${one.state}${where}${one.text === "" ? "" : `. ${plain(one.text)}`}`;
        }),
  );
}

async function reported(options: ControlOptions): Promise<void> {
  await tell<Reported[]>(options, "reported", (all) =>
    all.length === 0
      ? ["Nothing has been reported."]
      : all.map(
          ({ id, count, reasons, text }) =>
            `${id.slice(0, SHORT_ID)} reported ${count === 1 ? "once" : `${count} times`}: ${plain(text)}${reasons.length === 0 ? "" : ` (${reasons.map(plain).join("; ")})`}`,
        ),
  );
}

async function blocked(options: ControlOptions): Promise<void> {
  await tell<string[]>(options, "blocked", (all) => (all.length === 0 ? ["Nobody is blocked."] : all));
}

async function outbox(options: ControlOptions): Promise<void> {
  await tell<OutboxEntry[]>(options, "outbox", (all) =>
    all.length === 0
      ? ["Nothing waits for anybody outside."]
      : all.map(
          ({ id, uri, state, detail, ageS }) =>
            `${id.slice(0, SHORT_ID)} ${uptimeText(ageS)} old, for ${plain(uri)}: ${state}${detail === "" ? "" : `, ${plain(detail)}`}`,
        ),
  );
}

async function exportTo(folder: string, options: ControlOptions): Promise<void> {
  const request = { folder: resolve(folder) };
  await change<{ written: number }>(options, "folder", request, "export", ({ written }) =>
    written === 0 ? "Everything was there already." : `${written} written.`,
  );
}

async function importFrom(folder: string, options: ControlOptions): Promise<void> {
  const request = { folder: resolve(folder) };
  await change<{ taken: number; known: number; refused: number }>(
    options,
    "folder",
    request,
    "import",
    ({ taken, known, refused }) => `${taken} taken, ${known} known already, ${refused} refused.`,
  );
}

/** Asks for something and shows it. */
async function tell<T>(options: ControlOptions, path: string, lines: (answer: T) => string[]): Promise<void> {
  const result = await ask<T>(options, { socket: CONTROL_SOCKET, path: `/api/messages/${path}` });
  if (!result) return;
  const text = options.json ? JSON.stringify(result.answer) : lines(result.answer).join("\n");
  process.stdout.write(`${text}\n`);
}

/** Has something done and says so, or why it was not. */
async function change<T extends object = { id: string }>(
  options: ControlOptions,
  name: keyof MessagesRequest,
  body: MessagesRequest[keyof MessagesRequest],
  path: string = name,
  line: (answer: T) => string = () => "Done.",
): Promise<void> {
  const request = { socket: CONTROL_SOCKET, path: `/api/messages/${path}`, body, timeoutMs: COPY_TIMEOUT_MS };
  const result = await ask<T | NotSent>(options, request);
  if (!result) return;
  const { answer } = result;
  const isRefused = "refused" in answer && typeof answer.refused === "string";
  if (isRefused) process.exitCode = EXIT.failed;
  if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else if (isRefused) process.stderr.write(`omerta-box: not done: ${(answer as NotSent).detail}\n`);
  else process.stdout.write(`${line(answer as T)}\n`);
}

const SHORT_ID = 8;

/** What can be typed back, and how old it is. */
const short = ({ id, ageS }: { id: string; ageS: number }): string =>
  `${id.slice(0, SHORT_ID)} ${uptimeText(ageS)} ago,`;

const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

/** What others have written, in one line. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, " ");

function hours(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 720)) throw new InvalidArgumentError("1 to 720 hours");
  return value;
}
