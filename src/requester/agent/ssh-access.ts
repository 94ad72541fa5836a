import { join } from "node:path";
import type { KeptLease } from "../requester-state.ts";

/** Whom the guest image lets in. */
const USER = "root";
/** Digits by which people tell leases apart. */
const SHORT_ID = 8;

export const shortId = (lease: string): string => lease.slice(0, SHORT_ID);

/** How ssh(1) and its kin get into a machine. */
export interface SshAccess {
  /** A name for it, which stands for its address in {@link options}. */
  host: string;
  /** Keywords of ssh_config(5) with their values, quoted as that file wants them. */
  options: readonly (readonly [keyword: string, value: string])[];
}

export const ownKeyFile = (folder: string): string => join(folder, "key");
export const knownHostsFile = (folder: string): string => join(folder, "known_hosts");

/**
 * The machine's key is told by its provider, or it is the one that it has at the first time: from then on no other is taken.
 * @param folder of what belongs to this lease alone
 * @param proxy a command that connects, where this machine does not reach it by itself
 */
export function sshAccess(
  lease: Pick<KeptLease, "id" | "address" | "identity" | "hostKey">,
  folder: string,
  proxy: readonly string[] | undefined,
): SshAccess {
  return {
    host: `omerta-${shortId(lease.id)}`,
    options: [
      ["HostName", lease.address],
      ["User", USER],
      ["IdentityFile", quotedPath(lease.identity ?? ownKeyFile(folder))],
      ["IdentitiesOnly", "yes"],
      ["HostKeyAlias", hostAlias(lease.id)],
      ["UserKnownHostsFile", quotedPath(knownHostsFile(folder))],
      ["GlobalKnownHostsFile", "/dev/null"],
      ["StrictHostKeyChecking", lease.hostKey === undefined ? "accept-new" : "yes"],
      ["CheckHostIP", "no"],
      ["UpdateHostKeys", "no"],
      ["PasswordAuthentication", "no"],
      ["ConnectTimeout", "20"],
      ["ServerAliveInterval", "15"],
      ["LogLevel", "ERROR"],
      ...(proxy === undefined ? [] : [["ProxyCommand", proxy.map(shellWord).join(" ")] as const]),
    ],
  };
}

/** The whole id: an address is another machine's later. */
const hostAlias = (lease: string): string => `omerta-${lease}`;

/** A file of known hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) with the key that a provider has told. */
export const knownHostsText = (lease: string, hostKey: string): string => `${hostAlias(lease)} ${hostKey}\n`;

/** Arguments of ssh(1), which then reads no file of the user's or the machine's. */
export const sshArguments = ({ host, options }: SshAccess): string[] => [
  ...["-F", "none"],
  ...options.flatMap(([keyword, value]) => ["-o", `${keyword}=${value}`]),
  host,
];

/** A part of a file as ssh_config(5) says it, for `ssh -F`, `scp -F`, `sftp -F` and for programs that read such files. */
export const sshConfig = ({ host, options }: SshAccess): string =>
  [`Host ${host}`, ...options.map(([keyword, value]) => `  ${keyword} ${value}`), ""].join("\n");

/** In a file's name a percent sign is ssh's own (ssh_config(5), TOKENS). */
const quotedPath = (path: string): string =>
  `"${path.replaceAll(/["\\]/g, (sign) => `\\${sign}`).replaceAll("%", "%%")}"`;

/** For the shell that ssh gives a ProxyCommand to. */
const shellWord = (word: string): string => `'${word.replaceAll("'", `'\\''`).replaceAll("%", "%%")}'`;
