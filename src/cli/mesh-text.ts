import { renderUnicodeCompact } from "uqr";
import { natText, uptimeText } from "../../portal/console/status-page.tsx";
import type { InviteView, NetworkStatus, PeerStatus, TraceStep } from "../mesh/index.ts";

export function stepText({ chosen, kind, via, rttMs, result }: TraceStep): string {
  const facts = [
    kind.padEnd(9),
    plain(via),
    rttMs === undefined ? "" : `${rttMs.toFixed(1)} ms`,
    result,
  ].filter((fact) => fact !== "");
  return `${chosen ? "→" : " "} ${facts.join("  ")}`;
}

/** Names come from others: nothing in them may steer the terminal, or turn the direction of writing around. */
export const plain = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, " ");

/** Nothing where a link is too long for one. */
export function qrCode(link: string): string {
  try {
    return renderUnicodeCompact(link, { ecc: "L" });
  } catch {
    return "";
  }
}

export function networkText(network: NetworkStatus): string {
  const { self, ports } = network;
  const lines = [
    `${plain(network.name)} (${network.id}): ${network.words}`,
    `  this box    ${self.role}, ${self.words}, ${self.peer}`,
    `  others      ${network.connected} connected of ${network.known} known`,
    `  from afar   ${natText(network)}`,
  ];
  if (ports) lines.push(`  ports       TCP ${ports.tcp} and ${ports.ws}, UDP ${ports.udp}`);
  if (network.trouble !== undefined) lines.push(`  trouble     ${plain(network.trouble)}`);
  return `${lines.join("\n")}\n`;
}

export function inviteText({ id, role, state, made, came }: InviteView): string {
  const facts = [
    state,
    `joins as ${role}`,
    made?.once ? "for one" : "",
    made === undefined ? "made elsewhere" : `made ${dayText(made.at)}`,
    state === "open" && made && made.expiresAt !== 0 ? `until ${dayText(made.expiresAt)}` : "",
  ].filter((fact) => fact !== "");
  const who = came.map(({ name, peer }) => `\n  ${plain(name) || "(no name)"}  ${peer}`);
  return `${id}  ${facts.join(", ")}${who.join("")}`;
}

const dayText = (atS: number): string =>
  `${new Date(atS * 1_000).toISOString().slice(0, 16).replace("T", " ")} UTC`;

export function peerText(peer: PeerStatus): string {
  const facts = [
    peer.connected ? `connected by ${peer.streams.join(", ") || "datagrams"}` : "not connected",
    peer.heardSecondsAgo === undefined ? "" : `heard of ${uptimeText(peer.heardSecondsAgo)} ago`,
    peer.relays ? "relays" : "",
  ].filter((fact) => fact !== "");
  const head = `${plain(peer.name) || "(no name)"}  ${peer.words}  ${peer.peer}\n  ${facts.join(", ")}`;
  return [head, ...peer.paths.map(pathText)].join("\n");
}

function pathText(path: PeerStatus["paths"][number]): string {
  const { target } = path;
  const where =
    target.by === "udp"
      ? `${target.endpoint.address} port ${target.endpoint.port}${path.interface === undefined ? "" : ` by ${path.interface}`}`
      : target.by === "relay"
        ? `by ${target.relay}`
        : target.by === "lora"
          ? `LoRa ${target.address.toString(16).padStart(6, "0")}`
          : "over a stream";
  const measured = [
    path.state,
    path.rttMs === undefined ? "" : `${path.rttMs.toFixed(1)} ms`,
    path.loss > 0 ? `${Math.round(path.loss * 100)} % lost` : "",
  ].filter((fact) => fact !== "");
  return `  ${path.chosen ? "→" : " "} ${path.kind.padEnd(9)} ${where}: ${measured.join(", ")}`;
}

export const membersText = (count: number): string =>
  count === 0 ? "nobody that is known here" : count === 1 ? "1 member" : `${count} members`;
