import { afterEach, expect, test } from "bun:test";
import { defaultConfig } from "../../src/config/index.ts";
import { generateHostapdConf } from "../../src/wifi/hostapd-conf/index.ts";
import { type LabProcess, until } from "../lab/lab.ts";
import { describeAsked, describeNeeding, GUEST_NEEDS } from "../needs.ts";
import { GuestMachine, type MachineHost } from "./machine/guest-machine.ts";
import { RadioNode } from "./radio-node.ts";

const UPLINK = { ssid: "Library", password: "quiet please" };
/** In the library's network: its router, with a page of the internet. */
const ROUTER = "10.81.0.1";
const TEXT = "what the internet has to say";

/** Somebody else's network as an uplink: their access point with a password, DHCP, and a page behind it. */
class Library {
  private hostapd: LabProcess | undefined;

  constructor(private readonly host: MachineHost) {}

  async open(channel: number): Promise<void> {
    const { machine } = this.host;
    await machine.write(
      "/tmp/library.conf",
      generateHostapdConf({
        radio: {
          countryCode: "DE",
          channel: { band: "2.4GHz", number: channel, widthMhz: 20 },
          beaconIntervalTu: 100,
          ht: { capabilities: [] },
        },
        bss: [
          {
            interface: "lib0",
            ssid: UPLINK.ssid,
            security: { kind: "wpa2", passphrase: UPLINK.password },
          },
        ],
      }),
    );
    this.hostapd = await this.host.spawn(["hostapd", "/tmp/library.conf"]);
    await until("the library", () => this.hostapd?.output().includes("AP-ENABLED"), 30_000);
    await this.host.shell(`ip addr replace ${ROUTER}/24 dev lib0`);
  }

  async serve(): Promise<void> {
    await this.host.shell(`mkdir -p /tmp/library; echo "${TEXT}" >/tmp/library/index.html`);
    await this.host.spawn(["busybox", "httpd", "-f", "-p", "80", "-h", "/tmp/library"]);
    await this.host.spawn([
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--interface=lib0", "--port=0"],
      ...["--dhcp-range=10.81.0.50,10.81.0.200,300", "--dhcp-authoritative", "--no-ping"],
      ...["--dhcp-leasefile=/tmp/library-leases", "--bind-dynamic"],
    ]);
  }

  /** Its power is cut: no frame says so. */
  async fallSilent(): Promise<void> {
    await this.hostapd?.stop("SIGKILL");
    await this.host.shell("ip link set lib0 down");
  }
}

let machine: GuestMachine | undefined;
afterEach(() => machine?.stop());

/** A machine with a library on the air and a box that has not started yet. */
async function stage(name: string, radios: number, mesh: boolean, channel: number) {
  machine = await GuestMachine.start(name);
  const node = await RadioNode.start(machine, radios + 1, {
    uplinks: [{ ...UPLINK, password_file: "" }],
    mesh: { ...defaultConfig().wifi.mesh, enabled: mesh },
  });
  const host = await machine.host("library");
  await machine.shell(
    `iw phy $(cat /sys/class/net/wlan${radios}/phy80211/name) set netns name library
     ip -n library link set wlan${radios} name lib0`,
  );
  const library = new Library(host);
  await library.open(channel);
  await library.serve();
  return { machine, node, library };
}

/** As the system's network service does, once the station has joined. */
async function lease(machine: GuestMachine, station: string): Promise<void> {
  await machine.shell(
    `printf '#!/bin/sh\\n[ "$1" = bound ] || exit 0\\nip addr flush dev $interface\\nip addr add $ip/24 dev $interface\\n' >/tmp/lease.sh
     chmod +x /tmp/lease.sh
     busybox udhcpc -i ${station} -n -q -t 15 -T 1 -s /tmp/lease.sh 2>/dev/null`,
  );
}

/** What is read through the uplink; "" where there is none. */
async function page(machine: GuestMachine, station: string): Promise<string> {
  const command = ["curl", "-s", "-m", "3", "--interface", station, `http://${ROUTER}/`];
  return (await machine.tryRun(command)).stdout.trim();
}

describeAsked(
  "OMERTA_AIR_UPLINK",
  "two minutes",
  GUEST_NEEDS,
  "a box with a radio for somebody's Wi-Fi as its uplink",
  () => {
    test("joins it by a radio of its own, and again where it has moved to another channel, beside the open network", async () => {
      const { machine, node, library } = await stage("air-uplink", 3, true, 6);
      const began = performance.now();
      await node.launch();
      await node.says(/^open network ap0 .*: up, 0 stations; mesh mesh1 .*: up; uplink up2: up$/, 120_000);
      console.log(
        `all three are there ${((performance.now() - began) / 1_000).toFixed(1)} s after the box's start`,
      );
      await lease(machine, "up2");
      expect(await page(machine, "up2")).toBe(TEXT);

      const open = await machine.run(["pgrep", "-f", "hostapd-ap0.conf"]);
      await library.fallSilent();
      await node.says(/uplink up2: starting/);
      expect(await page(machine, "up2")).toBe("");
      const backMs = performance.now();
      await library.open(11);
      await node.says(/uplink up2: up/, 90_000);
      console.log(`joined on its new channel after ${((performance.now() - backMs) / 1_000).toFixed(1)} s`);
      await until("the page again", async () => (await page(machine, "up2")) === TEXT, 30_000);
      // The open network was not touched by it.
      expect(await machine.run(["pgrep", "-f", "hostapd-ap0.conf"])).toBe(open);
      expect(node.output()).not.toContain("ap0 is on the air again");
    }, 300_000);
  },
);

describeNeeding(GUEST_NEEDS, "a box with somebody's Wi-Fi as its uplink", () => {
  test("with one radio, opens its network on the uplink's channel and shares the radio", async () => {
    const { machine, node, library } = await stage("air-uplink", 1, false, 6);
    await node.launch();
    await node.says(
      /^open network ap0 on channel 6, .*: up, 0 stations; uplink up0 on channel 6, .*: up/,
      120_000,
    );
    await lease(machine, "up0");
    expect(await page(machine, "up0")).toBe(TEXT);
    // The library's end is not the end of the open network.
    await library.fallSilent();
    await node.says(
      /^open network ap0 on channel 6, .*: up, 0 stations; uplink up0 on channel 6, .*: starting/,
    );
    await library.open(6);
    await node.says(
      /^open network ap0 on channel 6, .*: up, 0 stations; uplink up0 on channel 6, .*: up/,
      90_000,
    );
    await until("the page again", async () => (await page(machine, "up0")) === TEXT, 30_000);
    expect(node.output()).not.toContain("ap0 is on the air again");
  }, 300_000);
});
