import { filePath, readRows, rowsOf, type Section, writeRows } from "../hostap-syntax/index.ts";
import { problem } from "./hostapd-conf-error.ts";
import type { AccessList } from "./options.ts";

interface Files {
  acceptFile?: string;
  denyFile?: string;
}

const row = rowsOf<Files>();
export const ACL_ROWS = [
  row("accept_mac_file", "acceptFile", filePath),
  row("deny_mac_file", "denyFile", filePath),
];

const POLICIES = { "accept-unless-denied": "0", "deny-unless-accepted": "1" } as const;

export function aclLines(acl: AccessList): string[] {
  return [`macaddr_acl=${POLICIES[acl.policy]}`, ...writeRows(acl, ACL_ROWS)];
}

/**
 * @param where `bss[1].acl`
 * @throws {HostapdConfError}
 */
export function readAcl(section: Section, where: string): AccessList | undefined {
  const policy = section.take("macaddr_acl");
  const { acceptFile, denyFile } = readRows(section, ACL_ROWS, where);
  const wanted = policy?.value ?? POLICIES["accept-unless-denied"];
  if (wanted === POLICIES["deny-unless-accepted"] && acceptFile !== undefined && denyFile === undefined)
    return { policy: "deny-unless-accepted", acceptFile };
  if (wanted === POLICIES["accept-unless-denied"] && acceptFile === undefined)
    return denyFile === undefined ? undefined : { policy: "accept-unless-denied", denyFile };
  throw problem(where, "is 0 with deny_mac_file or 1 with accept_mac_file", policy?.number);
}

/** The file that an access list names: one address a line. */
export function macListFile(addresses: readonly string[]): string {
  return addresses.map((address) => `${address}\n`).join("");
}
