import { isIPv4 } from "node:net";

/** A DHCPv4 lease as dnsmasq keeps it. */
export interface Lease {
  mac: string;
  ipv4: string;
  /** When it ends, in s since 1970 on the box's clock; 0 for never. */
  endsAtS: number;
}

/** What dnsmasq's script reports (dnsmasq(8), --dhcp-script). */
export interface LeaseEvent {
  /** `old`: renewed, or told again after dnsmasq started. */
  kind: "add" | "old" | "del";
  mac: string;
  ipv4: string;
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const MAX_LINE = 512;

/** dnsmasq's lease file: `ENDS MAC ADDRESS NAME CLIENT-ID`, a line a lease. Lines of other shapes (DHCPv6, a torn last line) are passed over. */
export function parseLeases(text: string): Lease[] {
  const leases: Lease[] = [];
  for (const line of text.split("\n")) {
    const [ends = "", mac = "", ipv4 = "", name, clientId] = line.split(" ");
    if (clientId === undefined || name === undefined) continue;
    if (/^\d{1,15}$/.test(ends) && MAC.test(mac) && isIPv4(ipv4))
      leases.push({ mac, ipv4, endsAtS: Number(ends) });
  }
  return leases;
}

/** One line from the lease script. @returns undefined when it is not one of ours */
export function parseLeaseEvent(line: string): LeaseEvent | undefined {
  const [kind, mac = "", ipv4 = ""] = line.trim().split(" ");
  if (kind !== "add" && kind !== "old" && kind !== "del") return undefined;
  return MAC.test(mac) && isIPv4(ipv4) ? { kind, mac, ipv4 } : undefined;
}

/** Cuts a byte stream into lines; a line longer than 512 characters is dropped whole. */
export class LineReader {
  private rest = "";
  private skipping = false;

  push(chunk: string): string[] {
    const parts = (this.rest + chunk).split("\n");
    this.rest = parts.pop() ?? "";
    const lines = this.skipping ? parts.slice(1) : parts;
    if (parts.length > 0) this.skipping = false;
    if (this.rest.length > MAX_LINE) {
      this.rest = "";
      this.skipping = true;
    }
    return lines.filter((line) => line.length <= MAX_LINE);
  }
}

/** The script that dnsmasq calls: one line into a FIFO, opened for both ways so that it never waits for a reader. */
export function leaseScript(fifo: string): string {
  return `#!/bin/sh\ncase "$1" in add|old|del) printf '%s %s %s\\n' "$1" "$2" "$3" 1<>'${fifo}' ;; esac\n`;
}
