import type { PlanNote, PlannedInterface, PlannedRadio, RadioPlan } from "./radio-plan.ts";

/** A plan for people to read, a radio at a time, with the reasons. */
export function planText({ country, radios, notes }: RadioPlan): string {
  const about = (phy: string | undefined) =>
    notes.filter((note) => note.phy === phy && note.kind !== "refused");
  const lines = [`Rules of ${country === "00" ? "the world (no country is set)" : country}.`];
  for (const note of about(undefined)) lines.push(`  ${note.text}`);
  for (const radio of radios) {
    lines.push("", `${radio.phy} (${[radio.driver, radio.path].filter((text) => text !== "").join(", ")})`);
    if (radio.interfaces.length === 0) lines.push("  nothing");
    for (const one of radio.interfaces) lines.push(`  ${interfaceText(one, radio)}`);
    for (const note of about(radio.phy)) lines.push(`    ${noteText(note)}`);
  }
  const refused = notes.filter(({ kind }) => kind === "refused");
  if (refused.length > 0) lines.push("", "Not to be had:");
  for (const { phy, text } of refused) lines.push(phy === undefined ? `  ${text}` : `    ${phy}: ${text}`);
  return `${lines.join("\n")}\n`;
}

function noteText({ kind, text }: PlanNote): string {
  return kind === "chosen" ? text : `${kind === "cost" ? "cost" : "limit"}: ${text}`;
}

function interfaceText(one: PlannedInterface, { channel, powerDbm }: PlannedRadio): string {
  const where =
    channel === undefined
      ? "on the channel of whatever is found"
      : `on channel ${channel.number}, ${channel.band}, ${channel.widthMhz} MHz, at most ${powerDbm} dBm`;
  switch (one.role) {
    case "open":
      return `${one.name}: open network "${shown(one.ssid)}" ${where}`;
    case "owe":
      return `${one.name}: the same, encrypted (OWE), for phones that can`;
    case "mesh":
      return `${one.name}: mesh "${shown(one.meshId)}" ${where}`;
    case "uplink":
      return `${one.name}: uplink by ${one.ssids.map((ssid) => `"${shown(ssid)}"`).join(" or ")}`;
  }
}

/** A network's name may have anything in it, and must not draw on a terminal. */
function shown(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");
}
