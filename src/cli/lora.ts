import { Command, InvalidArgumentError, Option } from "commander";
import { airtimeText, uptimeText } from "../../portal/console/status-page.tsx";
import { type LoraView, PRIORITIES, type Priority, parseAddress, type TextAdmission } from "../lora/index.ts";
import type { BoxStatus, TextRequest } from "../portal/index.ts";
import { askBox, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";

interface SendOptions extends ControlOptions {
  to?: string;
  priority: Priority;
  lifetime: number;
}

export function loraCommand(): Command {
  return new Command("lora")
    .description("the LoRa cases of a running box")
    .addCommand(
      withControlOptions(new Command("status").description("cases, airtime, boxes heard, texts")).action(
        status,
      ),
    )
    .addCommand(
      withControlOptions(
        new Command("send")
          .description("sends a text to another box, or to all that hear this one")
          .argument("<text>")
          .option("--to <address>", "the other box's six digits; without it, everyone", address)
          .addOption(
            new Option("--priority <priority>", "what goes first").choices(PRIORITIES).default("direct"),
          )
          .option("--lifetime <seconds>", "how long it is worth sending", seconds, 3_600),
      ).action(send),
    );
}

async function status(options: ControlOptions): Promise<void> {
  const answer = await askBox<BoxStatus>("/api/status", options);
  if (answer) process.stdout.write(options.json ? `${JSON.stringify(answer.lora)}\n` : loraText(answer.lora));
}

async function send(text: string, options: SendOptions): Promise<void> {
  const { to, priority, lifetime } = options;
  const request: TextRequest = {
    text,
    priority,
    lifetimeSeconds: lifetime,
    ...(to === undefined ? {} : { to }),
  };
  const answer = await askBox<TextAdmission>("/api/lora/texts", options, request);
  if (!answer) return;
  if (!answer.accepted) process.exitCode = EXIT.failed;
  if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else if (!answer.accepted) process.stderr.write(`omerta-box: not taken on: ${answer.detail}\n`);
  else {
    const eta =
      answer.etaSeconds === undefined
        ? "when a case is plugged in"
        : `sent in about ${uptimeText(answer.etaSeconds)}`;
    process.stdout.write(`Taken on; ${eta}. "omerta-box lora status" tells what becomes of it.\n`);
  }
}

function loraText({ address, cases, texts }: LoraView): string {
  const lines = [`This box is ${address}.`, ""];
  if (cases.length === 0) lines.push("  No LoRa case is plugged in.");
  for (const one of cases) {
    lines.push(`  ${one.name}: ${one.state}${one.reason === "" ? "" : `: ${one.reason}`}`);
    const battery = one.batteryPercent === undefined ? undefined : `battery ${one.batteryPercent} %`;
    const facts = [one.firmware, one.channel, battery, positionText(one), ...one.airtime.map(airtimeText)];
    for (const fact of facts) if (fact) lines.push(`    ${fact}`);
    lines.push(`    ${one.waiting === 1 ? "1 message" : `${one.waiting} messages`} on the way`);
    for (const box of one.heard) {
      const signal = box.snrDb === undefined ? "" : `, ${box.snrDb.toFixed(1)} dB over the noise`;
      lines.push(`    hears ${box.address}, the last time ${uptimeText(box.secondsAgo)} ago${signal}`);
    }
  }
  for (const { nodes } of cases) for (const node of nodes) lines.push(`    knows ${nodeText(node)}`);
  if (texts.length > 0) lines.push("");
  for (const { direction, peer, text, fate, secondsAgo } of texts) {
    const who = direction === "sent" ? `to ${peer} (${fate})` : `from ${peer}`;
    lines.push(`  ${uptimeText(secondsAgo)} ago ${who}: ${text.replace(/\p{Cc}+/gu, " ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function positionText({ position }: Pick<LoraView["cases"][number], "position">): string | undefined {
  return position && `at ${position.latitude.toFixed(5)}, ${position.longitude.toFixed(5)}`;
}

function nodeText({
  id,
  name,
  heardSecondsAgo,
  hops,
  batteryPercent,
  position,
}: LoraView["cases"][number]["nodes"][number]): string {
  const facts = [
    `${id} ${name.replace(/\p{Cc}+/gu, " ")}`.trim(),
    heardSecondsAgo === undefined ? undefined : `heard ${uptimeText(heardSecondsAgo)} ago`,
    hops === undefined ? undefined : `${hops} hops away`,
    batteryPercent === undefined ? undefined : `battery ${batteryPercent} %`,
    positionText({ position }),
  ];
  return facts.filter((fact) => fact !== undefined).join(", ");
}

function address(text: string): string {
  if (parseAddress(text) === undefined) throw new InvalidArgumentError("an address is six hex digits");
  return text;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 604_800))
    throw new InvalidArgumentError("more than 0, at most 604800 (a week)");
  return value;
}
