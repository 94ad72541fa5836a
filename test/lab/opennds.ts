import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { run } from "../../src/host/run.ts";
import { type Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import type { OpenOptions, Phone, PhonePage, PhoneRequest, PhoneResponse } from "./swarm.ts";

const BRIDGE = "br-lan";
const ADDRESS = "10.91.0.1";

/**
 * What is set beside openNDS's defaults, each to its advantage or without effect on speed:
 * - `gatewayinterface`: the bridge.
 * - `gatewayfqdn disable`: no name of its own, so that its pages need no DNS.
 * - `maxclients`: the default of 250 would turn the 251st away.
 * - `login_option_enabled 1`: the same page as the default of 0, made in half the time for a new phone.
 * - `checkinterval`: every 15 s its watchdog asks its own web server for a page and, when four tries of 1 s are in vain,
 *   drops all connections and starts the server anew, which under load it would do at every check. An hour keeps it
 *   away, and asks for idle times (in minutes) of more than twice that.
 */
const SETTINGS: Record<string, string> = {
  gatewayinterface: BRIDGE,
  gatewayfqdn: "disable",
  maxclients: "1000",
  login_option_enabled: "1",
  checkinterval: "3600",
  preauthidletimeout: "240",
  authidletimeout: "240",
};

/** Any address will do: the firewall takes port 80 of all but the gateway's own. */
const FIRST_URL = "http://198.51.100.7/";

const BROWSER: OpenOptions = {
  headers: {
    // openNDS reads this header without looking whether it is there.
    "user-agent": "Mozilla/5.0 (Linux; Android 9; SM-A105F) AppleWebKit/537.36 (KHTML, like Gecko) Mobile",
    accept: "text/html,application/xhtml+xml",
  },
  // With 250 phones the last may wait for a minute and a half.
  timeoutMs: 150_000,
};

export interface OpenNdsOptions {
  /** Lines of opennds.conf that replace or join this file's own settings. */
  settings?: Record<string, string>;
}

/** Debian's openNDS with its default splash page (click to continue), as the gateway of a namespace of its own. */
export class OpenNds {
  readonly name = "openNDS";
  private gateway: LabHost | undefined;
  private process: LabProcess | undefined;

  constructor(private readonly options: OpenNdsOptions = {}) {}

  /**
   * Starts openNDS and its dnsmasq in a namespace. If that has an uplink, phones go out by it once they have agreed.
   * @returns the bridge in `host` for phones.
   * @throws with openNDS's output when it does not run within 30 s.
   */
  async start(lab: Lab, host: LabHost): Promise<string> {
    await makeGateway(host);
    const folder = `${lab.folder}/opennds`;
    writeFiles(folder, { ...SETTINGS, ...this.options.settings });
    this.gateway = host;
    this.process = host.spawn([
      ...["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"],
      ...["sh", `${folder}/init.sh`, folder],
    ]);
    let exitCode: number | undefined;
    void this.process.exited.then((code) => {
      exitCode = code;
    });
    await until(
      "openNDS",
      () => exitCode !== undefined || this.output().includes("openNDS is now running"),
      30_000,
    ).catch(() => {});
    if (!this.output().includes("openNDS is now running") || exitCode !== undefined)
      throw new Error(`openNDS does not run: ${this.output()}`);
    return BRIDGE;
  }

  /** What openNDS has printed. */
  output(): string {
    return this.process?.output() ?? "";
  }

  /** Gets a phone its address. openNDS turns away whoever has no lease in dnsmasq's file. */
  async join(phone: Phone): Promise<void> {
    await phone.dhcp();
  }

  /**
   * A phone's way to the splash page: port 80 of any address answers 307 to
   * `http://GATEWAY:2050/opennds_preauth/?fas=…`, where the page is.
   */
  async fetchPage(phone: Phone): Promise<PhonePage> {
    const page = await phone.openPage(FIRST_URL, BROWSER);
    if (page.requests !== 2 || !page.response.body.includes('name="continue"'))
      throw unexpected("the splash page", page.response);
    return page;
  }

  /**
   * Goes to the last step before access: the splash page's form (`fas`, `continue=clicked`) gives a second page, whose
   * form (`fas`, `landing=yes`) lets the phone through before it is answered.
   * @returns the request that the second form makes.
   */
  async consentRequest(phone: Phone): Promise<PhoneRequest> {
    const splash = await this.fetchPage(phone);
    const second = await phone.request(formRequest(splash.response.body, "continue", splash.request));
    return formRequest(second.body, "landing", splash.request);
  }

  /** openNDS with its scripts of the moment, and its dnsmasq. */
  async pids(): Promise<number[]> {
    if (this.gateway === undefined) return [];
    const all = (await run(["ip", "netns", "pids", this.gateway.name]))
      .split("\n")
      .filter(Boolean)
      .map(Number);
    const harness = this.process?.pid;
    return all.filter((pid) => pid !== harness && parentOf(pid) !== harness);
  }

  async stop(): Promise<void> {
    // `unshare --fork` ignores SIGTERM; when it is gone the kernel ends its whole process namespace.
    await this.process?.stop("SIGKILL");
  }
}

/** @returns what the form of a page makes that has a hidden field `marker`: its hidden fields, by GET, on the page's server. */
function formRequest(page: string, marker: string, server: PhoneRequest): PhoneRequest {
  const form = page
    .split("<form ")
    .slice(1)
    .map((text) => text.slice(0, text.indexOf("</form>")))
    .find((text) => text.includes(`name="${marker}"`));
  const action = form === undefined ? undefined : /action="([^"]+)"/.exec(form)?.[1];
  if (form === undefined || action === undefined)
    throw new Error(`no form with ${marker} in: ${page.slice(0, 500)}`);
  const fields = new URLSearchParams();
  for (const [, name = "", value = ""] of form.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g))
    fields.set(name, value);
  return { ...server, path: `${action}?${fields}` };
}

function unexpected(wanted: string, got: PhoneResponse): Error {
  return new Error(`openNDS gave ${got.status} for ${wanted}: ${got.body.slice(0, 300)}`);
}

function parentOf(pid: number): number | undefined {
  try {
    // After the name in brackets: state, parent (proc_pid_stat(5)).
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** The bridge for the phones, forwarding, and address translation for what leaves by anything else. */
async function makeGateway(host: LabHost): Promise<void> {
  await run(["ip", "-n", host.name, "-batch", "-"], {
    input: [
      `link add ${BRIDGE} type bridge`,
      `address add ${ADDRESS}/22 brd + dev ${BRIDGE}`,
      // openNDS waits for the bridge to be up, which a bridge is only with a port.
      "link add radio0 type veth peer name radio1",
      "link set radio1 up",
      `link set radio0 master ${BRIDGE} up`,
      `link set ${BRIDGE} up`,
      "",
    ].join("\n"),
  });
  await host.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
  await host.run(["nft", "-f", "-"], {
    input: `table ip uplink {
      chain postrouting { type nat hook postrouting priority srcnat; oifname != { "lo", "${BRIDGE}" } masquerade; }
    }`,
  });
}

/**
 * The first process of openNDS's process and mount namespaces. openNDS edits /etc/hosts and /etc/dnsmasq.conf, keeps
 * its state in /tmp, ends processes that it finds by name and restarts dnsmasq through systemctl: all of that is private
 * here, and the systemctl it finds knows only how to start the dnsmasq of this namespace.
 */
const INIT = `set -e
folder=$1
mkdir -p $folder/upper $folder/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=$folder/upper,workdir=$folder/work /etc
cp $folder/opennds.conf /etc/opennds/opennds.conf
cp $folder/dnsmasq.conf /etc/dnsmasq.conf
mount -t tmpfs tmpfs /run
mkdir /run/bin
cp $folder/systemctl $folder/nft /run/bin
chmod 755 /run/bin/*
mount -t tmpfs -o mode=1777 tmpfs /tmp
PATH=/run/bin:$PATH
opennds -f -c /etc/opennds/opennds.conf
`;

const SYSTEMCTL = `#!/bin/sh
[ "$1 $2" = "restart dnsmasq" ] || exit 0
[ ! -s /run/dnsmasq.pid ] || kill "$(cat /run/dnsmasq.pid)"
exec dnsmasq --conf-file=/etc/dnsmasq.conf --pid-file=/run/dnsmasq.pid
`;

/**
 * openNDS 9.10 adds the chains INPUT and FORWARD with a priority that Debian 12's iptables-nft (1.8.9) takes for a clash
 * with its own chains of these names (openNDS issue 429), and then stops. Without them iptables adds its own, and openNDS
 * runs.
 */
const NFT = `#!/bin/sh
case "$*" in "add chain ip filter "*"priority -100"*) exit 0 ;; esac
exec /usr/sbin/nft "$@"
`;

const DNSMASQ_CONF = `interface=${BRIDGE}
bind-interfaces
no-resolv
no-ping
address=/#/203.0.113.10
dhcp-range=10.91.0.10,10.91.3.250,1h
dhcp-leasefile=/tmp/dhcp.leases
dhcp-authoritative
`;

function writeFiles(folder: string, settings: Record<string, string>): void {
  mkdirSync(folder, { recursive: true });
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  // What Debian's own file allows phones to reach on the gateway.
  const rules = ["udp port 53", "tcp port 53", "udp port 67", "tcp port 22", "tcp port 80", "tcp port 443"];
  const allowed = rules.map((rule) => `  FirewallRule allow ${rule}\n`).join("");
  writeFileSync(
    `${folder}/opennds.conf`,
    `${lines.join("")}
FirewallRuleSet authenticated-users {
}
FirewallRuleSet preauthenticated-users {
}
FirewallRuleSet users-to-router {
${allowed}}
`,
  );
  writeFileSync(`${folder}/init.sh`, INIT);
  writeFileSync(`${folder}/systemctl`, SYSTEMCTL);
  writeFileSync(`${folder}/nft`, NFT);
  writeFileSync(`${folder}/dnsmasq.conf`, DNSMASQ_CONF);
}
