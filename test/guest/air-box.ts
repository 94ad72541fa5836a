import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { bundleApp } from "../../image-build/app/bundle.ts";
import { run } from "../../src/host/run.ts";
import { MESH_SOCKET } from "../../src/mesh/index.ts";
import type { BoxStatus } from "../../src/portal/index.ts";
import type { WifiView } from "../../src/wifi/air/index.ts";
import { type LabProcess, until } from "../lab/lab.ts";
import type { GuestMachine, MachineHost } from "./machine/guest-machine.ts";

const PROJECT = resolve(import.meta.dir, "../..");
/** As in an image. */
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
  /** Tables beside those with the country, the network's name and the mesh's password. */
  config?: string;
  country?: string;
}

/** The real daemon in device mode in an emulated machine, with radios that only the kernel knows to be none. */
export class AirBox {
  private process: LabProcess | undefined;

  private constructor(
    /** The machine, or a namespace in it. */
    private readonly place: GuestMachine | MachineHost,
    /** With what it keeps, and where it runs. */
    private readonly folder: string,
  ) {}

  /** Makes the radios and starts the box. Phones' radios wait in namespaces `phone0`, `phone1` …, each as `wlan0`. */
  static async start(machine: GuestMachine, options: AirBoxOptions): Promise<AirBox> {
    const { radios, phones, country = "DE", config = "" } = options;
    await machine.shell(
      `modprobe mac80211_hwsim radios=${radios + phones}
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
    const tls = `
[gateway.tls]
host = "${TLS_HOST}"
certificate = "/results/tls/cert.pem"
key = "/results/tls/key.pem"
`;
    await AirBox.prepare(machine);
    return AirBox.begin(machine, "/tmp/box", country, `${config}${tls}`);
  }

  /** Starts one of several boxes in a prepared machine, in a namespace that has its radios already. */
  static async inNamespace(host: MachineHost, config = ""): Promise<AirBox> {
    return AirBox.begin(host, `/tmp/box-${host.name}`, "DE", config);
  }

  /** The program as an image has it. Once in a machine, before its boxes start. */
  static async prepare(machine: GuestMachine): Promise<void> {
    const { files } = await bundleApp(PROJECT);
    for (const { path, contents } of files) await Bun.write(join(machine.results, "box", path), contents);
    await machine.shell(
      `modprobe -a ${MODULES}
       cp -r /results/box /
       ln -s /project/node_modules /box
       echo "correct horse battery staple" >/tmp/mesh-password`,
      { timeoutMs: 60_000 },
    );
  }

  private static async begin(
    place: GuestMachine | MachineHost,
    folder: string,
    country: string,
    config: string,
  ): Promise<AirBox> {
    const machine = "machine" in place ? place.machine : place;
    await machine.run(["mkdir", "-p", folder]);
    await machine.write(
      `${folder}/omerta.toml`,
      `[wifi]
country = "${country}"
ssid = "Omerta Test"
[wifi.mesh]
password_file = "/tmp/mesh-password"
${config}`,
    );
    const box = new AirBox(place, folder);
    await box.launch();
    return box;
  }

  async launch(): Promise<void> {
    const { place, folder } = this;
    const options = ["--mode", "device", "--config", `${folder}/omerta.toml`];
    const folders = ["--state", `${folder}/state`, "--run", `${folder}/run`];
    const process = await place.spawn(["bun", PROGRAM, "run", ...options, ...folders]);
    this.process = process;
    const up = until("the box", () => this.isUp(), UP_TIMEOUT_MS);
    const exited = process.exited.then((code) => `ended with ${code}`);
    const result = await Promise.race([up, exited]).catch((error: Error) => error.message);
    if (result !== true) throw new Error(`the box did not come up: ${result}\n${process.output()}`);
  }

  /** Kills the daemon alone: everything that it had started runs on. */
  async kill(): Promise<void> {
    if (this.process === undefined) return;
    await this.place.run(["kill", "-9", String(this.process.pid)]);
    await this.process.exited;
  }

  output(): string {
    return this.process?.output() ?? "";
  }

  async status(): Promise<BoxStatus | undefined> {
    const socket = ["--unix-socket", `${this.folder}/run/control.sock`];
    const command = ["curl", "-s", "-m", "20", ...socket, "http://box/api/status"];
    const { stdout } = await this.place.tryRun(command);
    return stdout === "" ? undefined : (JSON.parse(stdout) as BoxStatus);
  }

  /** Asks it by its mesh's socket. @throws {Error} with what the box says of it */
  async askMesh<T>(path: string, body?: unknown): Promise<T> {
    const socket = ["--unix-socket", `${this.folder}/run/${MESH_SOCKET}`];
    const sent = body === undefined ? [] : ["--json", JSON.stringify(body)];
    // With a network the box loads the mesh's engine.
    const text = await this.place.run(["curl", "-s", "-m", "90", ...socket, ...sent, `http://box${path}`]);
    const answer = JSON.parse(text) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
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
    const portal = await this.place.tryRun([
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
