/**
 * What is counted for an address whose device nobody knows: its network of 64 bits, for a device makes up as many IPv6 addresses in there
 * as it likes (RFC 8981); an IPv4 address itself, as DHCP gives one to each.
 * @param address as the kernel writes it
 */
export function networkOf(address: string): string {
  // RFC 4291, section 2.2: the last form is an IPv4 address within an IPv6 one.
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  return `${[...before, ...zeros, ...after].slice(0, 4).join(":")}::/64`;
}

const groupsOf = (text: string): string[] => (text === "" ? [] : text.split(":"));
