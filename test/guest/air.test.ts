import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { defaultConfig } from "../../src/config/index.ts";
import {
  type BssOptions,
  generateHostapdConf,
  type RadioOptions,
} from "../../src/wifi/hostapd-conf/index.ts";
import { parseInventory } from "../../src/wifi/inventory/index.ts";
import { planRadios } from "../../src/wifi/plan/index.ts";
import { generateWpaConf, type Network } from "../../src/wifi/wpa-conf/index.ts";
import { type LabProcess, until } from "../lab/lab.ts";
import { describeNeeding, GUEST_NEEDS } from "../needs.ts";
import { GuestMachine, type MachineHost } from "./machine/guest-machine.ts";
import { Radios } from "./machine/radios.ts";

const FREQUENCY_MHZ = 2_437;
const RADIO: RadioOptions = {
  countryCode: "US",
  channel: { band: "2.4GHz", number: 6, widthMhz: 20 },
  beaconIntervalTu: 100,
  ht: { capabilities: [] },
};
const SSID = "omerta test";
const OPEN: BssOptions = {
  interface: "ap0",
  ssid: SSID,
  security: { kind: "open" },
  isolate: true,
};
const MESH: Network = {
  mode: "mesh",
  ssid: "omerta mesh",
  security: { kind: "sae", password: "what all boxes know" },
  frequencyMhz: FREQUENCY_MHZ,
  widthMhz: 20,
  scanFrequenciesMhz: [FREQUENCY_MHZ],
  forwarding: false,
  beaconIntervalTu: 100,
};

/** Waits for a word of a program. @throws {Error} with all that it said instead */
async function said(process: LabProcess, word: RegExp): Promise<void> {
  await until(String(word), () => word.test(process.output()), 60_000).catch((error: Error) => {
    throw new Error(`${error.message}\n${process.output()}`);
  });
}

/** What our generators write, to the real hostapd and wpa_supplicant, with radios that they take for real. */
describeNeeding(GUEST_NEEDS, "generated files on the air", () => {
  let machine: GuestMachine;
  let radios: Radios | undefined;
  beforeAll(async () => {
    machine = await GuestMachine.start("air");
  }, 600_000);
  afterEach(async () => {
    await radios?.reset();
    radios = undefined;
  }, 90_000);
  afterAll(() => machine?.stop());

  /** Namespaces, each with a radio of its own, whose interface is `ap0` for a box and `wlan0` for a phone. */
  async function withRadios(...names: string[]): Promise<MachineHost[]> {
    radios = await Radios.make(machine, names.length);
    const hosts = await machine.hosts(names);
    await radios.give(
      ...hosts.map((host, radio) => ({ radio, host, name: host.name.startsWith("box") ? "ap0" : "wlan0" })),
    );
    return hosts;
  }

  const controlOf = (box: MachineHost) => `/run/hostapd-${box.name}`;

  async function openNetworks(box: MachineHost, radio: RadioOptions, bss: readonly BssOptions[]) {
    const file = `/tmp/${box.name}-hostapd.conf`;
    await machine.write(
      file,
      generateHostapdConf({ radio, bss: bss.map((one) => ({ ...one, controlDirectory: controlOf(box) })) }),
    );
    const hostapd = await box.spawn(["hostapd", file]);
    await said(hostapd, /AP-ENABLED/);
    return hostapd;
  }

  async function supplicant(host: MachineHost, name: string, network: Network) {
    const file = `/tmp/${host.name}-wpa.conf`;
    await machine.write(
      file,
      generateWpaConf({ controlDirectory: `/run/wpa-${host.name}`, country: "US", networks: [network] }),
    );
    return host.spawn(["wpa_supplicant", "-D", "nl80211", "-i", name, "-c", file]);
  }

  async function join(phone: MachineHost, network: Network) {
    const process = await supplicant(phone, "wlan0", network);
    await said(process, /CTRL-EVENT-CONNECTED/);
    return process;
  }

  const status = (phone: MachineHost) =>
    phone.run(["wpa_cli", "-p", `/run/wpa-${phone.name}`, "-i", "wlan0", "status"]);

  async function addMeshInterface(box: MachineHost, radio: number) {
    await box.shell(`iw phy r${radio} interface add mesh0 type mp
      ip link set mesh0 address 02:00:00:00:0${radio}:aa`);
  }

  /** Peers of the mesh whose link stands. */
  const peers = async (box: MachineHost) =>
    (await box.run(["iw", "dev", "mesh0", "station", "dump"])).match(/mesh plink:\s*ESTAB/g)?.length ?? 0;

  test("a phone that scans finds the open network, joins, and gets an address within seconds", async () => {
    const [box, phone] = await withRadios("box", "phone");
    if (!box || !phone) throw new Error("no hosts");
    await openNetworks(box, RADIO, [OPEN]);
    await box.run(["ip", "addr", "add", "10.77.0.1/24", "dev", "ap0"]);
    await box.spawn([
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--interface=ap0", "--bind-interfaces"],
      ...["--port=0", "--dhcp-range=10.77.0.50,10.77.0.200,300", "--dhcp-authoritative", "--no-ping"],
      ...["--dhcp-leasefile=/tmp/leases"],
    ]);
    const station = { mode: "station", ssid: SSID, security: { kind: "open" } } as const;
    for (const [channels, network] of Object.entries({
      "one channel": { ...station, scanFrequenciesMhz: [FREQUENCY_MHZ] },
      "all channels": station,
    })) {
      const startedMs = performance.now();
      const process = await join(phone, network);
      const lease = await phone.shell("busybox udhcpc -i wlan0 -n -q -t 20 -T 1 -s /bin/true 2>&1");
      const tookS = ((performance.now() - startedMs) / 1_000).toFixed(1);
      console.log(`from the scan of ${channels} to the lease: ${tookS} s`);
      expect(lease).toContain("lease of 10.77.0.");
      await process.stop();
    }
    expect(await machine.run(["cat", "/tmp/leases"])).toContain("02:00:00:00:01:00 10.77.0.");
  });

  test("of a pair for OWE's transition, a phone that knows OWE takes the encrypted network, whose management frames nobody can forge", async () => {
    const [box, phone] = await withRadios("box", "phone");
    if (!box || !phone) throw new Error("no hosts");
    await openNetworks(box, RADIO, [
      { ...OPEN, bssid: "02:00:00:00:00:00", security: { kind: "open", transition: { interface: "owe0" } } },
      {
        ...OPEN,
        interface: "owe0",
        bssid: "02:00:00:00:00:10",
        ssid: `${SSID} owe`,
        hidden: "empty",
        security: { kind: "owe", transition: { interface: "ap0" } },
      },
    ]);
    const disconnect = async (network: string) => {
      const command = ["hostapd_cli", "-p", controlOf(box), "-i", network, "raw"];
      expect(await box.run([...command, "DEAUTHENTICATE 02:00:00:00:01:00 test=0"])).toContain("OK");
    };
    const station = { mode: "station", ssid: SSID, scanFrequenciesMhz: [FREQUENCY_MHZ] } as const;
    const encrypted = await join(phone, { ...station, security: { kind: "owe", only: true } });
    expect(await status(phone)).toContain("key_mgmt=OWE");
    // On the way in, a slow machine may have needed a second handshake.
    const joined = encrypted.output().length;
    // hostapd's own test of it: the same frame, unprotected, as somebody else would send it.
    const heard = await phone.spawn(["iw", "event"]);
    await until(
      "the frame",
      async () => {
        await disconnect("owe0");
        return heard.output().includes("unprotected");
      },
      60_000,
    );
    expect(encrypted.output().slice(joined)).not.toContain("CTRL-EVENT-DISCONNECTED");
    await encrypted.stop();

    const open = await join(phone, { ...station, security: { kind: "open" } });
    expect(await status(phone)).toContain("key_mgmt=NONE");
    await disconnect("ap0");
    await said(open, /CTRL-EVENT-DISCONNECTED/);
  });

  test("two boxes with the same password make a mesh, and one with another password stays out", async () => {
    const [first, second, stranger] = await withRadios("box1", "box2", "box3");
    if (!first || !second || !stranger) throw new Error("no hosts");
    for (const [radio, box] of [first, second, stranger].entries()) await addMeshInterface(box, radio);
    await supplicant(first, "mesh0", MESH);
    await supplicant(second, "mesh0", MESH);
    const security = { kind: "sae", password: "what a stranger guesses" } as const;
    const guessing = await supplicant(stranger, "mesh0", { ...MESH, security });
    await until("the mesh", async () => (await peers(first)) === 1 && (await peers(second)) === 1, 60_000);
    await said(guessing, /MESH-SAE-AUTH-FAILURE/);
    expect(await peers(stranger)).toBe(0);
    await first.run(["ip", "addr", "add", "10.78.0.1/24", "dev", "mesh0"]);
    await second.run(["ip", "addr", "add", "10.78.0.2/24", "dev", "mesh0"]);
    await first.run(["ping", "-c", "2", "-W", "5", "10.78.0.2"]);
  });

  test("the mesh and the open network share one radio when they beacon in the same interval, and not otherwise", async () => {
    const [first, second, phone] = await withRadios("box1", "box2", "phone");
    if (!first || !second || !phone) throw new Error("no hosts");
    await addMeshInterface(first, 0);
    await addMeshInterface(second, 1);
    await openNetworks(first, RADIO, [OPEN]);
    await openNetworks(second, RADIO, [OPEN]);
    await supplicant(first, "mesh0", MESH);
    // EBUSY: the kernel's answer to another interval.
    const other = await supplicant(second, "mesh0", { ...MESH, beaconIntervalTu: 200 });
    await said(other, /mesh join error=-16/);
    await other.stop();
    await supplicant(second, "mesh0", MESH);
    await until("the mesh beside the networks", async () => (await peers(second)) === 1, 60_000);
    await join(phone, {
      mode: "station",
      ssid: SSID,
      security: { kind: "open" },
      scanFrequenciesMhz: [FREQUENCY_MHZ],
    });
    expect(await status(phone)).toContain("wpa_state=COMPLETED");
    expect(await peers(first)).toBe(1);
  });

  test("the box reads what the radios can do, and plans the open network and the mesh on one of them", async () => {
    const [box] = await withRadios("box");
    if (!box) throw new Error("no host");
    const read = `import { collectRadios } from "/project/src/wifi/inventory/index.ts";
      console.log(JSON.stringify(await collectRadios()));`;
    const text = await box.run(["bun", "-e", read], { timeoutMs: 60_000 });
    await machine.write("/results/radios.json", text);
    const inventory = parseInventory(text, "radios.json");
    expect(inventory.country).toBe("US");
    expect(inventory.radios).toHaveLength(1);
    const [radio] = inventory.radios;
    expect(radio).toMatchObject({
      phy: "r0",
      driver: "mac80211_hwsim",
      bus: "platform",
      macAddress: "02:00:00:00:00:00",
      sae: true,
      pmf: true,
      apByHostapd: true,
      meshPoint: true,
      apIsolation: true,
      interfaces: [{ name: "ap0", type: "managed" }],
    });
    const usable = radio?.channels
      .filter(({ disabled, noIr }) => !disabled && !noIr)
      .map(({ number }) => number);
    expect(usable).toEqual(expect.arrayContaining([1, 6, 11, 36, 149]));
    expect(usable).not.toContain(14);
    const plan = planRadios(inventory, { ...defaultConfig().wifi, ssid: SSID }, []);
    expect(plan.radios.flatMap(({ interfaces }) => interfaces.map(({ role }) => role))).toEqual([
      "open",
      "owe",
      "mesh",
    ]);
  });

  test("a radio that is unplugged is gone from its box, and another one can be plugged in", async () => {
    const [box] = await withRadios("box");
    if (!box || !radios) throw new Error("no host");
    await radios.unplug(0, box);
    expect(await box.run(["iw", "phy"])).toBe("");
    await radios.plug(7, box);
    expect(await box.run(["iw", "phy"])).toStartWith("Wiphy r7\n");
  });
});
