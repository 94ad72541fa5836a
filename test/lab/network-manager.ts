import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { run } from "../../src/host/run.ts";
import { type LabHost, type LabProcess, until } from "./lab.ts";

const CONNECTIVITY = ["unknown", "none", "portal", "limited", "full"] as const;

/** NetworkManager's verdict on the network, in the words of `nmcli networking connectivity`. */
export type Connectivity = (typeof CONNECTIVITY)[number];

/** A laptop's network service: Debian's NetworkManager, alone with one device of a namespace. */
export interface NetworkManager {
  /** The verdict that it holds now. `unknown` until its first probe has ended. */
  connectivity(): Promise<Connectivity>;
  /** Probes anew and waits for the verdict: up to 21 s when nothing answers. */
  checkNow(): Promise<Connectivity>;
  /** The device's IPv4 address, without prefix length, once DHCP has given one. */
  address(): Promise<string | undefined>;
  /** Ends it, takes the addresses off the device and gives the namespace its former resolv.conf back. */
  stop(): Promise<void>;
  /** What it has logged so far; probes are logged in full. */
  log(): string;
}

/**
 * Starts NetworkManager in `host`'s namespace with `device` plugged in, and returns as soon as it takes
 * commands: DHCP and the first probe are then under way. What DHCP says about name servers goes into the
 * namespace's own resolv.conf, so programs started in the namespace afterwards use them too.
 *
 * The bus, NetworkManager and its files are private to the namespace: the machine's own stay untouched.
 * @throws when it ends or does not take commands within 10 s, with its log.
 */
export async function startNetworkManager(host: LabHost, device: string): Promise<NetworkManager> {
  const folder = `${host.lab.folder}/${host.name}-network-manager`;
  const formerResolvConf = readFileSync(host.resolvConf, "utf8");
  writeConfiguration(folder, device);

  const bus = host.spawn(["dbus-daemon", "--nofork", "--nopidfile", `--config-file=${folder}/bus.conf`]);
  await until(`the message bus of ${host.name}`, () => existsSync(`${folder}/bus`));
  // GDBus takes this in place of the machine's system bus.
  const env = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${folder}/bus` };
  const daemon = host.spawn(["unshare", "--uts", "sh", "-euc", PRIVATE_SYSTEM, "sh", host.name, folder], {
    env,
  });
  const nmcli = (...words: string[]) => run(host.command(["nmcli", ...words]), { env, timeoutMs: 30_000 });

  const stop = async () => {
    await daemon.stop();
    await bus.stop();
    await host.run(["ip", "address", "flush", "dev", device]);
    writeFileSync(host.resolvConf, formerResolvConf);
  };
  try {
    await until("NetworkManager to take commands", async () => {
      await failIfEnded(daemon);
      return (await host.tryRun(["nmcli", "general"], { env, timeoutMs: 3_000 })).exitCode === 0;
    });
  } catch (error) {
    await stop();
    throw new Error(`NetworkManager did not start in ${host.name}:\n${bus.output()}${daemon.output()}`, {
      cause: error,
    });
  }

  return {
    connectivity: async () => parseConnectivity(await nmcli("networking", "connectivity")),
    checkNow: async () => parseConnectivity(await nmcli("networking", "connectivity", "check")),
    address: async () => {
      const addresses = await nmcli("--get-values", "IP4.ADDRESS", "device", "show", device);
      return /^[\d.]+/.exec(addresses)?.[0];
    },
    stop,
    log: () => daemon.output(),
  };
}

/**
 * Runs with $1 the namespace and $2 the folder of `writeConfiguration`, with mounts of its own (`ip netns exec`
 * sees to that) and a host name of its own, which end with it.
 * - /run, /etc and /var/lib/NetworkManager take NetworkManager's writes away from the machine's own.
 * - /etc/resolv.conf leads to the namespace's file in its real folder, because NetworkManager replaces it
 *   by renaming, which the file that `ip netns exec` mounts there would refuse.
 * - mount -n, because mount would else keep its own books in the machine's /run before that is covered.
 * - A read-only /sys tells NetworkManager that no udev runs here; else it waits for udev for ever.
 */
const PRIVATE_SYSTEM = `
mount -n -t tmpfs tmpfs /run
mkdir -p /run/etc/upper /run/etc/work /run/resolver
mount -n --bind "/etc/netns/$1" /run/resolver
mount -n -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
mount -n -t tmpfs tmpfs /var/lib/NetworkManager
mount -n -o remount,bind,ro /sys
rm -rf /etc/NetworkManager
cp -r "$2/etc" /etc/NetworkManager
ln -sf /run/resolver/resolv.conf /etc/resolv.conf
exec NetworkManager --debug
`;

function writeConfiguration(folder: string, device: string): void {
  mkdirSync(`${folder}/etc/conf.d`, { recursive: true });
  mkdirSync(`${folder}/etc/system-connections`, { recursive: true });
  writeFileSync(`${folder}/bus.conf`, busConf(`${folder}/bus`));
  writeFileSync(`${folder}/etc/NetworkManager.conf`, networkManagerConf(device));
  // NetworkManager refuses profiles that others may read.
  writeFileSync(`${folder}/etc/system-connections/lab.nmconnection`, profile(device), { mode: 0o600 });
}

/** A bus for the lab alone: whoever reaches its socket may do everything. */
const busConf = (socket: string) => `<busconfig>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

/** [connectivity] is what GNOME and Debian ship, but for the interval: they look again after 300 s. */
const networkManagerConf = (device: string) => `[main]
plugins=keyfile
dhcp=internal
dns=default
rc-manager=file
systemd-resolved=false
hostname-mode=none
auth-polkit=false
no-auto-default=*

[keyfile]
unmanaged-devices=*,except:interface-name:${device}

[connectivity]
uri=http://nmcheck.gnome.org/check_network_status.txt
response=NetworkManager is online
interval=5

[logging]
level=INFO
domains=ALL,CONCHECK:DEBUG
`;

/** What NetworkManager makes by itself when a cable is plugged in ("Wired connection 1"), held to one device. */
const profile = (device: string) => `[connection]
id=lab
type=ethernet
interface-name=${device}
autoconnect=true

[ipv4]
method=auto

[ipv6]
method=auto
`;

function parseConnectivity(printed: string): Connectivity {
  const word = printed.trim();
  const known = CONNECTIVITY.find((candidate) => candidate === word);
  if (known === undefined) throw new Error(`nmcli gave an unknown connectivity: ${JSON.stringify(word)}`);
  return known;
}

async function failIfEnded(process: LabProcess): Promise<void> {
  const ended = await Promise.race([process.exited, Bun.sleep(0).then(() => undefined)]);
  if (ended !== undefined) throw new Error(`it ended with status ${ended}`);
}
