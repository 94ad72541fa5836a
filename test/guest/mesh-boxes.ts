import type { MeshInterface } from "../../src/wifi/air/mesh-interfaces.ts";
import { generateWpaConf } from "../../src/wifi/wpa-conf/index.ts";
import { type LabProcess, until } from "../lab/lab.ts";
import type { GuestMachine, MachineHost } from "./machine/guest-machine.ts";

interface OriginatorRow {
  orig_address: string;
  hard_ifname: string;
  best?: boolean;
}

/** One box of a mesh in an emulated machine: a namespace with radios, their supplicants, and batman-adv's part. */
export class MeshBox {
  private readonly supplicants = new Map<string, LabProcess>();
  private radios: MeshInterface[] = [];
  private wires: string[] = [];
  node: LabProcess | undefined;
  /** Of batman-adv. */
  identity = "";

  constructor(
    readonly name: string,
    readonly host: MachineHost,
  ) {}

  get machine(): GuestMachine {
    return this.host.machine;
  }

  /**
   * Joins the mesh by one radio, which is in this box already, once or again.
   * @param macAddress default: the radio's own
   */
  async join(
    phy: number,
    radio: Pick<MeshInterface, "name" | "frequencyMhz" | "band">,
    password: string,
    macAddress?: string,
  ): Promise<void> {
    const address = macAddress === undefined ? "" : `addr ${macAddress}`;
    await this.host.shell(`
      for name in wlan${phy} ${radio.name}; do
        [ ! -e /sys/class/net/$name ] || iw dev $name del
      done
      iw phy r${phy} interface add ${radio.name} type mp ${address}`);
    const file = this.file(radio.name);
    this.radios = this.radios.filter(({ name }) => name !== radio.name);
    const conf = generateWpaConf({
      country: "US",
      networks: [
        {
          mode: "mesh",
          ssid: "omerta",
          security: { kind: "sae", password },
          frequencyMhz: radio.frequencyMhz,
          widthMhz: 20,
          scanFrequenciesMhz: [radio.frequencyMhz],
          forwarding: false,
          beaconIntervalTu: 100,
        },
      ],
    });
    await this.machine.write(file, conf);
    await this.host.run(["ip", "link", "set", radio.name, "up"]);
    this.radios.push({ ...radio, macAddress: "", meshId: "omerta", shared: false });
    await this.startSupplicant(radio.name);
  }

  async startSupplicant(name: string): Promise<void> {
    const command = ["wpa_supplicant", "-D", "nl80211", "-i", name, "-c", this.file(name)];
    this.supplicants.set(name, await this.host.spawn(command));
  }

  async stopSupplicant(name: string): Promise<void> {
    await this.supplicants.get(name)?.stop();
  }

  supplicantSaid(name: string): string {
    return this.supplicants.get(name)?.output() ?? "";
  }

  async startNode(wires: readonly string[] = this.wires): Promise<void> {
    this.wires = [...wires];
    this.node = await this.host.spawn([
      "bun",
      await this.machine.bundle("test/guest/mesh-node.ts"),
      this.name,
      JSON.stringify(this.radios),
      JSON.stringify(wires),
    ]);
  }

  async hasStarted(): Promise<void> {
    const said = () => this.node?.output() ?? "";
    await until(`bat0 of ${this.name}`, () => said().includes("bat0 over"), 90_000).catch((error) => {
      throw new Error(`${error.message}: ${said()}`);
    });
    this.identity = (await this.host.run(["cat", "/sys/class/net/batid0/address"])).trim();
  }

  /** Whom batman-adv hears, by each way. */
  async originators(): Promise<OriginatorRow[]> {
    const { stdout } = await this.host.tryRun(["batctl", "meshif", "bat0", "originators_json"]);
    return JSON.parse(stdout.trim() || "[]") as OriginatorRow[];
  }

  /** Bytes that interfaces send in so many milliseconds. */
  async sentIn(ms: number, ...names: readonly string[]): Promise<number> {
    const files = names.map((name) => `/sys/class/net/${name}/statistics/tx_bytes`).join(" ");
    const text = await this.host.shell(`cat ${files}; sleep ${ms / 1_000}; cat ${files}`);
    const counts = text.trim().split("\n").map(Number);
    const sum = (some: readonly number[]) => some.reduce((total, one) => total + one, 0);
    return sum(counts.slice(names.length)) - sum(counts.slice(0, names.length));
  }

  /** What batman-adv has sent to find ways, with the guest's time in seconds. */
  async managementSent(): Promise<{ frames: number; bytes: number; s: number }> {
    const text = await this.host.shell("batctl meshif bat0 statistics; cat /proc/uptime");
    const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1]);
    return {
      frames: number(/mgmt_tx: (\d+)/),
      bytes: number(/mgmt_tx_bytes: (\d+)/),
      s: number(/^(\d+\.\d+) /m),
    };
  }

  /** Peers of a radio whose link stands. */
  async peers(name: string): Promise<number> {
    const { stdout } = await this.host.tryRun(["iw", "dev", name, "station", "dump"]);
    return stdout.match(/mesh plink:\s*ESTAB/g)?.length ?? 0;
  }

  private file(radio: string): string {
    return `/tmp/${this.name}-${radio}.conf`;
  }
}

/** A stream of pings that tells its longest silence. */
export class Pings {
  private constructor(private readonly process: LabProcess) {}

  static async start(from: MachineHost, to: string): Promise<Pings> {
    return new Pings(await from.spawn(["ping", "-D", "-i", "0.04", "-s", "1000", to]));
  }

  get count(): number {
    return this.times().length;
  }

  /** Seconds of the guest's clock at which answers came. */
  times(): number[] {
    return [...this.process.output().matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, at]) =>
      Number(at),
    );
  }

  /** The longest time between two answers from the `first` on, in seconds. */
  longestGapS(first: number): number {
    const times = this.times().slice(Math.max(0, first - 3));
    return Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  }

  stop(): Promise<void> {
    return this.process.stop("SIGINT");
  }
}
