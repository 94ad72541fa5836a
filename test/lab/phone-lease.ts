import { writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { run } from "../../src/host/run.ts";
import type { Lab, LabHost } from "./lab.ts";
import { PhoneError } from "./phone-request.ts";

/** What a DHCP server gave to a phone. */
export interface PhoneLease {
  address: string;
  prefixLength: number;
  router?: string;
  dns: string[];
  leaseSeconds: number;
  server: string;
  /** Option 114, the captive-portal API's address (RFC 8910), when the server sent it. */
  captivePortalUrl?: string;
  /** From the start of the client to its end, in milliseconds. */
  tookMs: number;
}

export interface LeaseOptions {
  /** How often it asks, a second apart. Default 5. */
  tries?: number;
  hostname?: string;
}

/** The script that udhcpc calls: it uses what the server gave and prints it, a `name=value` a line. */
const LEASE_SCRIPT = `#!/bin/sh
case "$1" in
deconfig)
  printf 'link set %s up\\naddress flush dev %s\\n' "$interface" "$interface" | ip -4 -batch - ;;
bound | renew)
  {
    echo "address replace $ip/$mask brd + dev $interface"
    for via in $router; do echo "route replace default via $via dev $interface"; break; done
  } | ip -4 -batch - || exit 1
  for server in $dns; do echo "nameserver $server"; done > "$PHONE_RESOLV_CONF"
  printf 'ip=%s\\nmask=%s\\nrouter=%s\\ndns=%s\\n' "$ip" "$mask" "$router" "$dns"
  printf 'lease=%s\\nserverid=%s\\nopt114=%s\\n' "$lease" "$serverid" "$opt114" ;;
esac
`;

/** Puts the script that every phone's DHCP client calls into the lab's folder. */
export function writeLeaseScript(lab: Lab): void {
  writeFileSync(leaseScript(lab), LEASE_SCRIPT, { mode: 0o755 });
}

function leaseScript(lab: Lab): string {
  return `${lab.folder}/phone-lease.sh`;
}

/**
 * Runs busybox udhcpc once on `device` of a phone; its script gives the phone what the server gave.
 * @throws {PhoneError} with reason `dhcp` when no server answers within about `tries` seconds.
 */
export async function requestLease(
  phone: LabHost,
  device: string,
  { tries = 5, hostname }: LeaseOptions,
): Promise<PhoneLease> {
  const started = performance.now();
  const output = await run(
    [
      ...["nsenter", `--net=/run/netns/${phone.name}`, "busybox", "udhcpc", "-f", "-q", "-n"],
      ...["-i", device, "-t", String(tries), "-T", "1", "-s", leaseScript(phone.lab), "-O", "114"],
      ...(hostname === undefined ? [] : ["-x", `hostname:${hostname}`]),
    ],
    { env: { PHONE_RESOLV_CONF: phone.resolvConf }, timeoutMs: tries * 1_000 + 10_000 },
  ).catch((error: unknown) => {
    throw new PhoneError(phone.name, "dhcp", error instanceof Error ? error.message : String(error));
  });
  return parseLease(phone.name, output, performance.now() - started);
}

function parseLease(phone: string, output: string, tookMs: number): PhoneLease {
  const field = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(output)?.[1]?.trim() ?? "";
  const list = (name: string): string[] => field(name).split(" ").filter(Boolean);
  const address = field("ip");
  if (!isIPv4(address)) throw new PhoneError(phone, "dhcp", `no address in: ${output.slice(0, 200)}`);
  const router = list("router")[0];
  const option114 = Buffer.from(field("opt114"), "hex").toString("latin1");
  return {
    address,
    prefixLength: Number(field("mask")),
    dns: list("dns"),
    leaseSeconds: Number(field("lease")),
    server: field("serverid"),
    tookMs,
    ...(router === undefined ? {} : { router }),
    ...(option114 === "" ? {} : { captivePortalUrl: option114 }),
  };
}
