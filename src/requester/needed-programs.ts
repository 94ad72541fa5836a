import { PATH } from "./kept-programs.ts";

/** Something that is not on this machine. */
export class MissingProgramError extends Error {
  override readonly name = "MissingProgramError";
}

/** Where Debian has what a VPN is made by. */
const PACKAGES = {
  ip: "iproute2",
  nft: "nftables",
  wg: "wireguard-tools",
  slirp4netns: "slirp4netns",
  unshare: "util-linux",
  nsenter: "util-linux",
  "ssh-keygen": "openssh-client",
  ssh: "openssh-client",
} as const;

export type NeededProgram = keyof typeof PACKAGES;

/** @param find its path; null: not there @throws {MissingProgramError} naming all that are missing, and Debian's packages with them */
export function needPrograms(
  names: readonly NeededProgram[],
  find: (name: string) => string | null = (name) => Bun.which(name, { PATH }),
): void {
  const missing = names.filter((name) => find(name) === null);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => PACKAGES[name]))];
  throw new MissingProgramError(
    `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed (Debian: apt-get install ${packages.join(" ")})`,
  );
}
