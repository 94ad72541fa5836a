import { afterAll, beforeAll, expect, test } from "bun:test";
import { generateWpaConf } from "../../src/wifi/wpa-conf/index.ts";
import { describeNeeding, GUEST_NEEDS } from "../needs.ts";
import { AirBox } from "./air-box.ts";
import { GuestMachine } from "./machine/guest-machine.ts";

/** Each phone is a radio, a namespace, a supplicant and a DHCP client of its own. */
const PHONES = Number(process.env.OMERTA_PHONES ?? 12);
/** In a second: emulation starts some twenty programs in it. */
const STARTED_AT_ONCE = 3;
const TIME_MS = 60_000 + PHONES * 6_000;
const MEMORY_MIB = 1_024 + PHONES * 34;

describeNeeding([...GUEST_NEEDS, "program:openssl"], `${PHONES} phones at a box with one radio`, () => {
  let machine: GuestMachine;
  let box: AirBox;
  beforeAll(async () => {
    machine = await GuestMachine.start("many-phones", { memoryMiB: MEMORY_MIB });
    box = await AirBox.start(machine, { radios: 1, phones: PHONES });
  }, 600_000);
  afterAll(() => machine?.stop());

  test("join, and each has its own lease and is caught by the portal", async () => {
    const conf = generateWpaConf({
      networks: [
        {
          mode: "station",
          ssid: "Omerta Test",
          security: { kind: "open" },
          scanFrequenciesMhz: [2_412, 2_437, 2_462],
        },
      ],
    });
    await machine.write("/tmp/phone.conf", conf);
    await machine.write(
      "/tmp/lease.sh",
      `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo $ip >>/tmp/leased
`,
    );
    // By address: a name would only add the resolver of each namespace.
    const text = await machine
      .shell(
        `chmod +x /tmp/lease.sh; : >/tmp/leased; : >/tmp/caught; : >/tmp/again
       join() {
         : >/tmp/wpa$1.log
         ip netns exec phone$1 wpa_supplicant -B -D nl80211 -i wlan0 -c /tmp/phone.conf -f /tmp/wpa$1.log -P /tmp/wpa$1.pid >/dev/null
         until grep -q CTRL-EVENT-CONNECTED /tmp/wpa$1.log; do sleep 1; done
       }
       portal=$(ip -o -4 addr show br-guest | sed 's|.*inet ||; s|/.*||')
       began=$(cut -d' ' -f1 /proc/uptime)
       n=0; while [ $n -lt ${PHONES} ]; do
         (join $n
          until ip netns exec phone$n busybox udhcpc -i wlan0 -n -q -t 10 -T 2 -s /tmp/lease.sh >/dev/null 2>&1; do
            # As phones do that get no address.
            echo $n >>/tmp/again
            kill $(cat /tmp/wpa$n.pid); sleep 1
            join $n
          done
          ip netns exec phone$n curl -s -o /dev/null -m 30 -w '%{http_code} %{redirect_url}\\n' \\
            -H 'Host: captive.apple.com' http://$portal/hotspot-detect.html >>/tmp/caught) </dev/null >/dev/null 2>&1 &
         n=$((n + 1))
         [ $((n % ${STARTED_AT_ONCE})) = 0 ] && sleep 1
       done
       until [ $(wc -l </tmp/leased) -ge ${PHONES} ]; do sleep 0.5; done
       leased=$(cut -d' ' -f1 /proc/uptime)
       until [ $(wc -l </tmp/caught) -ge ${PHONES} ]; do sleep 0.5; done
       echo $began $leased $(cut -d' ' -f1 /proc/uptime)`,
        { timeoutMs: TIME_MS },
      )
      .catch(async (error: Error) => {
        const { stdout } = await machine.tryRun([
          "sh",
          "-c",
          "wc -l /tmp/leased /tmp/caught /tmp/again; iw dev ap0 station dump | grep -c ^Station",
        ]);
        throw new Error(`${stdout}\n${error.message}`);
      });
    const [began = 0, leased = 0, caught = 0] = text.split(" ").map(Number);
    const again = Number(await machine.run(["sh", "-c", "wc -l </tmp/again"]));
    console.log(
      `${PHONES} phones (${again} joined again): all have a lease ${Math.round(leased - began)} s after the first began to look, and have met the portal after ${Math.round(caught - began)} s`,
    );
    const lines = async (file: string) => (await machine.run(["cat", file])).trim().split("\n");
    expect(new Set(await lines("/tmp/leased")).size).toBe(PHONES);
    for (const line of await lines("/tmp/caught")) expect(line).toStartWith("302 http");
    const stations = await machine.run(["iw", "dev", "ap0", "station", "dump"]);
    expect(stations.match(/^Station /gm)).toHaveLength(PHONES);
    expect((await box.radios()).radios[0]?.interfaces[0]).toMatchObject({ name: "ap0", state: "up" });
  }, 900_000);
});
