/** By which way a box is asked, as a lease keeps it: after a restart it is the same box by the same way. */
export type ProviderName =
  /** Of a member of a network, by the mesh of this machine's box. */
  | { by: "mesh"; network: string; peer: string }
  /** By HTTP, as a member of a network. */
  | { by: "member"; network: string; address: string }
  /** By HTTP, as a stranger. */
  | { by: "stranger"; address: string };

const MESH = /^mesh:([0-9a-f]{16})\/([1-9A-HJ-NP-Za-km-z]{40,64})$/;
const MEMBER = /^([0-9a-f]{16})@(.+)$/;

export function providerName(name: ProviderName): string {
  if (name.by === "mesh") return `mesh:${name.network}/${name.peer}`;
  return name.by === "member" ? `${name.network}@${name.address}` : name.address;
}

/** The other way round. What has neither form is an address. */
export function parseProviderName(text: string): ProviderName {
  const [, network = "", peer = ""] = MESH.exec(text) ?? [];
  if (peer !== "") return { by: "mesh", network, peer };
  const [, own = "", address = ""] = MEMBER.exec(text) ?? [];
  return address === "" ? { by: "stranger", address: text } : { by: "member", network: own, address };
}
