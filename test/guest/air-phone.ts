import { generateWpaConf, type StationSecurity } from "../../src/wifi/wpa-conf/index.ts";
import type { GuestMachine, MachineHost } from "./machine/guest-machine.ts";

export interface JoinOptions {
  ssid: string;
  /** Default: open. */
  security?: StationSecurity;
  /** Default: all that the radio has, as a phone does. */
  scanFrequenciesMhz?: readonly number[];
}

/** How long each step took since the phone began to look for the network, in seconds. */
export interface JoinTimes {
  joinedS: number;
  leasedS: number;
  portalS: number;
}

export interface Joined {
  times: JoinTimes;
  /** How often it joined: one that gets no address leaves and joins anew, as phones do. */
  tries: number;
  address: string;
  router: string;
  /** Where the lease says that the portal's API is (RFC 8910). */
  captivePortalUrl: string;
  /** What the phone's own probe got. */
  probe: { status: number; location: string };
}

/** A phone with a radio of its own in a namespace of an emulated machine: wpa_supplicant, udhcpc, curl. */
export class AirPhone {
  constructor(readonly host: MachineHost) {}

  get machine(): GuestMachine {
    return this.host.machine;
  }

  /**
   * Looks for the network, joins it, gets a lease, and asks whether it is online as iPhones do. In emulation hostapd's
   * first Diffie-Hellman of OWE takes longer than the 200 ms after which a station's kernel asks to associate again
   * (IEEE80211_ASSOC_TIMEOUT in net/mac80211/mlme.c); when both requests are answered one after the other, the box has
   * forgotten the keys that the phone has: about every fifth first phone has to join twice.
   * @throws {Error} with its supplicant's words
   */
  async join({ ssid, security = { kind: "open" }, scanFrequenciesMhz }: JoinOptions): Promise<Joined> {
    const { name } = this.host;
    const folder = `/tmp/${name}`;
    const conf = generateWpaConf({
      controlDirectory: `${folder}/control`,
      networks: [{ mode: "station", ssid, security, ...(scanFrequenciesMhz ? { scanFrequenciesMhz } : {}) }],
    });
    await this.machine.shell(`mkdir -p ${folder}; rm -f ${folder}/*
cat >${folder}/wpa.conf <<'END'
${conf}END
cat >${folder}/lease.sh <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo "nameserver $dns" >/etc/netns/${name}/resolv.conf
echo "$ip $router \${opt114:--}" >${folder}/lease
END
chmod +x ${folder}/lease.sh`);
    const script = `now() { cut -d' ' -f1 /proc/uptime; }
       began=$(now)
       wpa_supplicant -B -D nl80211 -i wlan0 -c ${folder}/wpa.conf -f ${folder}/wpa.log >/dev/null
       tries=1
       until [ "$(grep -c CTRL-EVENT-CONNECTED ${folder}/wpa.log)" = $tries ]; do sleep 0.1; done
       joined=$(now)
       until busybox udhcpc -i wlan0 -n -q -t 15 -T 1 -O 114 -s ${folder}/lease.sh >/dev/null 2>&1; do
         tries=$((tries + 1))
         wpa_cli -p ${folder}/control -i wlan0 disconnect >/dev/null
         wpa_cli -p ${folder}/control -i wlan0 reconnect >/dev/null
         for n in $(seq 150); do
           [ "$(grep -c CTRL-EVENT-CONNECTED ${folder}/wpa.log)" != $tries ] || break
           sleep 0.1
         done
       done
       leased=$(now)
       probe=$(curl -s -o /dev/null -m 20 -w '%{http_code} %{redirect_url}' http://captive.apple.com/hotspot-detect.html)
       echo $began $joined $leased $(now) $tries $(cat ${folder}/lease) $probe`;
    const text = await this.host.shell(script, { timeoutMs: 90_000 }).catch(async (error: Error) => {
      const { stdout } = await this.machine.tryRun(["tail", "-n", "30", `${folder}/wpa.log`]);
      throw new Error(`${name} is not online: ${error.message}\n${stdout}`);
    });
    const [began = "", joined, leased, portal, tries, address = "", router = "", option = "", ...probe] = text
      .trim()
      .split(/ +/);
    const since = (at = "") => Math.round((Number(at) - Number(began)) * 100) / 100;
    const [status = "", location = ""] = probe;
    return {
      times: { joinedS: since(joined), leasedS: since(leased), portalS: since(portal) },
      tries: Number(tries),
      address,
      router,
      // What udhcpc has no name for, it gives in hexadecimal.
      captivePortalUrl: Buffer.from(option, "hex").toString(),
      probe: { status: Number(status), location },
    };
  }

  /** What its supplicant says of the network that it is in. */
  async status(): Promise<Map<string, string>> {
    const text = await this.host.run(["wpa_cli", "-p", this.control, "-i", "wlan0", "status"]);
    return new Map(
      text.split("\n").map((line): [string, string] => [line.split("=")[0] ?? "", line.split("=")[1] ?? ""]),
    );
  }

  /** Reads the portal's page and taps its button. @returns the status of the answer */
  async consent(): Promise<number> {
    const text = await this.host.shell(
      `token=$(curl -s -m 20 "http://omerta.internal/?lang=en" | sed -n 's/.*name="token" value="\\([^"]*\\)".*/\\1/p' | head -n 1)
       curl -s -o /dev/null -m 20 -w '%{http_code}' --data-urlencode "token=$token" --data lang=en http://omerta.internal/agree`,
      { timeoutMs: 50_000 },
    );
    return Number(text);
  }

  /** The status of a probe: 204 is "online" to an Android. */
  async probe(url = "http://connectivitycheck.gstatic.com/generate_204"): Promise<number> {
    const command = ["curl", "-s", "-o", "/dev/null", "-m", "20", "-w", "%{http_code}", url];
    return Number((await this.host.tryRun(command)).stdout);
  }

  /** What the portal's API says (RFC 8908), over TLS with the box's certificate. */
  async isCaptive(url: string): Promise<boolean> {
    const command = ["curl", "-s", "-m", "20", "--cacert", "/results/tls/cert.pem", url];
    const { captive } = JSON.parse(await this.host.run(command)) as { captive: boolean };
    return captive;
  }

  /** Whether it hears a network's radio, after a scan. */
  async hears(bssid: string): Promise<boolean> {
    const cli = `wpa_cli -p ${this.control} -i wlan0`;
    await this.host.shell(`${cli} scan >/dev/null; sleep 1`);
    return (await this.host.shell(`${cli} scan_results`)).includes(bssid);
  }

  /**
   * Changes to another radio of the same network, as a phone that hears it better, and asks for an address there.
   * @returns the address and, by the machine's clock, the seconds until it was joined and until the lease
   */
  async roam(bssid: string): Promise<{ address: string; joinedS: number; leasedS: number }> {
    const folder = `/tmp/${this.host.name}`;
    const text = await this.host.shell(
      `now() { cut -d' ' -f1 /proc/uptime; }
       joins() { grep -c CTRL-EVENT-CONNECTED ${folder}/wpa.log; }
       before=$(joins)
       began=$(now)
       wpa_cli -p ${this.control} -i wlan0 roam ${bssid} >/dev/null
       until [ "$(joins)" != "$before" ]; do sleep 0.02; done
       joined=$(now)
       until busybox udhcpc -i wlan0 -n -q -t 15 -T 1 -O 114 -s ${folder}/lease.sh >/dev/null 2>&1; do :; done
       echo $began $joined $(now) $(cat ${folder}/lease)`,
      { timeoutMs: 60_000 },
    );
    const [began, joined, leased, address = ""] = text.trim().split(/ +/);
    return { address, joinedS: Number(joined) - Number(began), leasedS: Number(leased) - Number(began) };
  }

  private get control(): string {
    return `/tmp/${this.host.name}/control`;
  }

  async leave(): Promise<void> {
    await this.host.tryRun(["wpa_cli", "-p", this.control, "-i", "wlan0", "terminate"]);
  }
}
