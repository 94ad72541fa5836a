import { readFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { uptimeText } from "../../portal/console/status-page.tsx";
import { ROLES, type Role } from "../identity/index.ts";
import {
  type InviteView,
  MESH_SOCKET,
  type MeshControl,
  type NetworkStatus,
  type PeerStatus,
  type RevokedInvite,
  type TraceStep,
} from "../mesh/index.ts";
import { ask, type BoxRequest, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";
import { inviteText, membersText, networkText, peerText, plain, qrCode, stepText } from "./mesh-text.ts";
import { readPassphrase } from "./passphrase.ts";

interface NetworkOption extends ControlOptions {
  network?: string;
}

interface InviteOptions extends NetworkOption {
  role: Role;
  once?: boolean;
  for: number;
}

interface RevokeOptions extends NetworkOption {
  invite?: string;
  keep?: boolean;
  why: string;
}

interface KeyOptions extends ControlOptions {
  passphraseFile?: string;
}

export function meshCommand(): Command {
  const sub = (name: string, description: string) =>
    withControlOptions(new Command(name).description(description));
  const withNetwork = (command: Command) =>
    command.option("--network <id>", "which network, by id or name, where the box is in several");
  return new Command("mesh")
    .description("other boxes, and the networks that this box belongs to")
    .addCommand(sub("status", "the networks of this box and who is there").action(status))
    .addCommand(withNetwork(sub("peers", "every box that is known, and the ways to it")).action(peers))
    .addCommand(sub("found", "makes a new network with this box in it").argument("<name>").action(found))
    .addCommand(
      withNetwork(sub("invite", "makes a link, and a QR code, by which others join"))
        .addOption(new Option("--role <role>", "what they will be").choices(ROLES).default("box"))
        .option("--once", "lets in one, instead of as many as come")
        .option("--for <time>", "how long it holds, such as 12h or 7d; 0 for ever", hours, 168)
        .action(invite),
    )
    .addCommand(sub("join", "joins a network by an invite").argument("<link>").action(join))
    .addCommand(sub("leave", "leaves a network and forgets its keys").argument("<network>").action(leave))
    .addCommand(
      withNetwork(sub("invites", "the invites that are known, and who came by them")).action(invites),
    )
    .addCommand(
      withNetwork(
        sub("revoke", "puts a member, or all who came by an invite, out of the network, everywhere"),
      )
        .argument("[peer]", "its name, or its peer id or the beginning of it")
        .option("--invite <invite>", "instead of a member: an invite, by its link or its id of mesh invites")
        .option("--keep", "with --invite: leaves in who came by it, and lets in nobody new")
        .option("--why <words>", "the reason, kept with it", "")
        .action(revoke),
    )
    .addCommand(withNetwork(sub("rotate", "gives the network a new shared key")).action(rotate))
    .addCommand(
      withNetwork(sub("trace", "tries every way to a box and tells which one is taken"))
        .argument("<peer>")
        .action(trace),
    )
    .addCommand(
      withKeys(sub("export", "writes the keys of all networks into an encrypted age file")).action(
        exportKeys,
      ),
    )
    .addCommand(withKeys(sub("import", "takes keys over from such a file")).action(importKeys));
}

const withKeys = (command: Command): Command =>
  command
    .argument("<file>")
    .option("--passphrase-file <file>", "read the passphrase from a file instead of asking");

async function status(options: ControlOptions): Promise<void> {
  await tell<NetworkStatus[]>(options, { path: "/v1/networks" }, (networks) => {
    if (networks.length === 0)
      return 'This box belongs to no network yet. Join one with "mesh join LINK", or make one with "mesh found NAME".\n';
    return networks.map(networkText).join("\n");
  });
}

async function peers(options: NetworkOption): Promise<void> {
  const query = options.network === undefined ? "" : `?network=${encodeURIComponent(options.network)}`;
  await tell<PeerStatus[]>(options, { path: `/v1/peers${query}` }, (all) =>
    all.length === 0 ? "No other box is known yet.\n" : `${all.map(peerText).join("\n")}\n`,
  );
}

async function found(name: string, options: ControlOptions): Promise<void> {
  await tell<NetworkStatus>(options, { path: "/v1/networks", body: { name } }, (network) =>
    [`The network "${plain(network.name)}" is there, and this box is in it.`, "", networkText(network)].join(
      "\n",
    ),
  );
}

async function join(link: string, options: ControlOptions): Promise<void> {
  await tell<NetworkStatus>(options, { path: "/v1/join", body: { link } }, (network) =>
    [`This box belongs to "${plain(network.name)}" now.`, "", networkText(network)].join("\n"),
  );
}

async function leave(network: string, options: ControlOptions): Promise<void> {
  const path = `/v1/networks/${encodeURIComponent(network)}`;
  await tell(options, { path, method: "DELETE" }, () => "Left.\n");
}

async function invite(options: InviteOptions): Promise<void> {
  const body = { role: options.role, once: options.once === true, hours: options.for };
  await tell<ReturnType<MeshControl["invite"]>>(
    options,
    { path: `/v1/networks/${encodeURIComponent(options.network ?? "-")}/invites`, body },
    ({ link, bootstrap, id }) =>
      [
        qrCode(link),
        link,
        "",
        `Whoever has this link joins as ${options.role}${options.once ? ", one alone" : ""}${options.for === 0 ? "" : `, within ${uptimeText(options.for * 3_600)}`}: pass it on with care.`,
        bootstrap === 0
          ? "It names no address: who joins must be on the same link as a box of the network at first."
          : `It names ${bootstrap === 1 ? "1 box" : `${bootstrap} boxes`} to begin with.`,
        `If it gets into the wrong hands: mesh revoke --invite ${id}`,
        "",
      ].join("\n"),
  );
}

async function invites(options: NetworkOption): Promise<void> {
  const path = `/v1/networks/${encodeURIComponent(options.network ?? "-")}/invites`;
  await tell<InviteView[]>(options, { path }, (all) =>
    all.length === 0
      ? "No invite is known here: this box has made none, and nobody is known to have come by another's.\n"
      : `${all.map(inviteText).join("\n")}\n`,
  );
}

async function revoke(peer: string | undefined, options: RevokeOptions, command: Command): Promise<void> {
  const { invite, keep = false, why } = options;
  if ((peer === undefined) === (invite === undefined))
    command.error("error: name either a member or, with --invite, an invite");
  if (keep && invite === undefined) command.error("error: --keep goes with --invite");
  const path = `/v1/networks/${encodeURIComponent(options.network ?? "-")}/revocations`;
  if (invite === undefined) {
    await tell<{ inviteClosed: boolean }>(
      options,
      { path, body: { peer, why } },
      ({ inviteClosed }) =>
        `It is out; the other boxes are being told.${inviteClosed ? " The invite that it came by lets nobody new in any more." : ""}\n`,
    );
    return;
  }
  await tell<RevokedInvite>(options, { path, body: { invite, keep, why } }, ({ id, putOut }) =>
    keep
      ? `The invite ${id} lets nobody new in any more; the other boxes are being told.\n`
      : `The invite ${id} is void, and whoever came by it is out: ${membersText(putOut)}. The other boxes are being told.\n`,
  );
}

async function rotate(options: NetworkOption): Promise<void> {
  const path = `/v1/networks/${encodeURIComponent(options.network ?? "-")}/shared-key`;
  await tell(
    options,
    { path, method: "POST" },
    () =>
      "There is a new shared key; the other boxes are being told. The one before it still holds for those who were away.\n",
  );
}

async function trace(peer: string, options: NetworkOption): Promise<void> {
  const query = new URLSearchParams({
    peer,
    ...(options.network === undefined ? {} : { network: options.network }),
  });
  await tell<TraceStep[]>(options, { path: `/v1/trace?${query}`, timeoutMs: 30_000 }, (steps) =>
    steps.length === 0 ? "There is no way to it.\n" : `${steps.map(stepText).join("\n")}\n`,
  );
}

async function exportKeys(file: string, options: KeyOptions): Promise<void> {
  const passphrase = await readPassphrase(options.passphraseFile, true);
  await tell<{ file: string }>(
    options,
    { path: "/v1/keys/export", body: { passphrase }, timeoutMs: 60_000 },
    () =>
      `Written to ${file}. Without the passphrase nobody can read it; the standard tool age can, with it.\n`,
    (answer) => {
      writeFileSync(file, Buffer.from(answer.file, "base64"), { mode: 0o600, flag: "wx" });
      return { file };
    },
  );
}

async function importKeys(file: string, options: KeyOptions): Promise<void> {
  const content = readFileSync(file).toString("base64");
  const passphrase = await readPassphrase(options.passphraseFile, false);
  await tell<{ networks: string[] }>(
    options,
    { path: "/v1/keys/import", body: { passphrase, file: content }, timeoutMs: 60_000 },
    ({ networks }) =>
      `Taken over: ${networks.length === 0 ? "no network" : networks.map(plain).join(", ")}.\n`,
  );
}

/**
 * Asks the mesh, and prints its answer, in words or as JSON; what was refused goes to standard error.
 * @param use does what is to be done with an answer, and leaves what is printed as JSON
 */
async function tell<T>(
  options: ControlOptions,
  request: Omit<BoxRequest, "socket">,
  text: (answer: T) => string,
  use: (answer: T) => unknown = (answer) => answer,
): Promise<void> {
  const result = await ask<T & { error?: string }>(options, {
    timeoutMs: 15_000,
    ...request,
    socket: MESH_SOCKET,
  });
  if (!result) return;
  if (!result.ok) {
    process.exitCode = EXIT.failed;
    process.stderr.write(`omerta-box: ${plain(result.answer.error ?? "refused")}\n`);
    return;
  }
  const forMachines = use(result.answer);
  process.stdout.write(options.json ? `${JSON.stringify(forMachines)}\n` : text(result.answer));
}

/** "12h", "7d", "0". */
function hours(text: string): number {
  const [, number = "", unit = ""] = /^(\d{1,5})(h|d|)$/.exec(text) ?? [];
  if (number === "" || (unit === "" && number !== "0"))
    throw new InvalidArgumentError("such as 12h or 7d, or 0");
  return Number(number) * (unit === "d" ? 24 : 1);
}
