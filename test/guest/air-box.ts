import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import type { BoxStatus } from "../../src/portal/index.ts";
import type { WifiView } from "../../src/wifi/air/index.ts";
import { type LabProcess, until } from "../lab/lab.ts";
import type { GuestMachine } from "./machine/guest-machine.ts";

const CONFIG = "/tmp/omerta.toml";
const RUN = "/run/omerta-box";
const STATE = "/tmp/state";
/** Where the box in one file finds the rest of the project as beside its sources. */
const PROGRAM = "/box/src/cli/main.ts";
/** The whole box takes half a minute to load in emulation, and minutes where the machine is busy. */
const UP_TIMEOUT_MS = 240_000;
/**
 * The kernel loads these by itself too, but begins a transaction of nft anew after each: a minute in emulation. One
 * modprobe(8) for all takes three seconds.
 */
const MODULES =
  "bridge batman-adv nft_ct nft_nat nft_chain_nat nft_masq nft_objref nft_limit nft_connlimit nft_reject_inet nft_fib_inet nft_redir nf_conntrack_netlink";

/** The public name that the box has a certificate for. */
export const TLS_HOST = "portal.example.org";

export interface AirBoxOptions {
  /** Of mac80211_hwsim: how many the box has, and how many there are for phones. */
  radios: number;
  phones: number;
  /** Beside the country, the network's name and the mesh's password. */
  config?: string;
  country?: string;
}

/** The real daemon in device mode in an emulated machine, with radios that only the kernel knows to be none. */
export class AirBox {
  private process: LabProcess | undefined;

  private constructor(readonly machine: GuestMachine) {}

  /** Makes the radios and starts the box. Phones' radios wait in namespaces `phone0`, `phone1` …, each as `wlan0`. */
  static async start(machine: GuestMachine, options: AirBoxOptions): Promise<AirBox> {
    const { radios, phones, country = "DE", config = "" } = options;
    await machine.shell(
      `modprobe -a ${MODULES}
       modprobe mac80211_hwsim radios=${radios + phones}
       until [ -e /sys/class/net/wlan${radios + phones - 1} ]; do sleep 0.1; done`,
      { timeoutMs: 60_000 },
    );
    await machine.hosts(Array.from({ length: phones }, (_, n) => `phone${n}`));
    await machine.shell(
      `n=0; while [ $n -lt ${phones} ]; do
         own=wlan$((n + ${radios}))
         iw phy $(cat /sys/class/net/$own/phy80211/name) set netns name phone$n
         ip -n phone$n link set $own name wlan0
         n=$((n + 1))
       done`,
      { timeoutMs: 10_000 + 2_000 * phones },
    );
    const pem = join(machine.results, "tls");
    mkdirSync(pem);
    await run([
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "30", "-subj", `/CN=${TLS_HOST}`, "-addext", `subjectAltName=DNS:${TLS_HOST}`],
      ...["-keyout", join(pem, "key.pem"), "-out", join(pem, "cert.pem")],
    ]);
    const built = await machine.bundle("src/cli/main.ts");
    await machine.shell(
      `mkdir -p /box/src/cli
       cp ${built} ${PROGRAM}
       cp /project/src/lora/link/text/dictionary-1.txt /box/src/cli
       ln -s /project/node_modules /project/portal /project/hardware /box`,
    );
    await machine.write("/tmp/mesh-password", "correct horse battery staple\n");
    await machine.write(
      CONFIG,
      `[wifi]
country = "${country}"
ssid = "Omerta Test"
${config}
[wifi.mesh]
password_file = "/tmp/mesh-password"
[gateway.tls]
host = "${TLS_HOST}"
certificate = "/results/tls/cert.pem"
key = "/results/tls/key.pem"
`,
    );
    const box = new AirBox(machine);
    await box.launch();
    return box;
  }

  async launch(): Promise<void> {
    const { machine } = this;
    const options = ["--mode", "device", "--config", CONFIG, "--state", STATE, "--run", RUN];
    const process = await machine.spawn(["bun", PROGRAM, "run", ...options]);
    this.process = process;
    const up = until("the box", () => this.isUp(), UP_TIMEOUT_MS);
    const exited = process.exited.then((code) => `ended with ${code}`);
    const result = await Promise.race([up, exited]).catch((error: Error) => error.message);
    if (result !== true) throw new Error(`the box did not come up: ${result}\n${process.output()}`);
  }

  /** Kills the daemon alone: everything that it had started runs on. */
  async kill(): Promise<void> {
    if (this.process === undefined) return;
    await this.machine.run(["kill", "-9", String(this.process.pid)]);
    await this.process.exited;
  }

  output(): string {
    return this.process?.output() ?? "";
  }

  async status(): Promise<BoxStatus | undefined> {
    const socket = ["--unix-socket", `${RUN}/control.sock`];
    const command = ["curl", "-s", "-m", "20", ...socket, "http://box/api/status"];
    const { stdout } = await this.machine.tryRun(command);
    return stdout === "" ? undefined : (JSON.parse(stdout) as BoxStatus);
  }

  /** How the radios are, once the box knows it. */
  async radios(): Promise<WifiView> {
    const wifi = (await this.status())?.wifi;
    if (wifi === undefined) throw new Error("the box has no radios' part");
    return wifi;
  }

  private async isUp(): Promise<boolean> {
    // Asked seldom, and not before all its parts have started: each question is a program in the machine.
    if (!this.output().includes('"part":"console"')) return false;
    await Bun.sleep(1_000);
    const status = await this.status();
    if (status === undefined || !isOnAir(status)) return false;
    const portal = await this.machine.tryRun([
      "sh",
      "-c",
      "curl -s -o /dev/null -m 20 http://$(ip -o -4 addr show br-guest | sed 's|.*inet ||; s|/.*||'):8080/",
    ]);
    return portal.exitCode === 0;
  }
}

/** Whether all that the radios are to do is done. */
export function isOnAir({ wifi }: BoxStatus): boolean {
  const all = wifi?.radios.flatMap(({ interfaces }) => interfaces) ?? [];
  return all.length > 0 && all.every(({ state }) => state === "up");
}
