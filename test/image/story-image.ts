import { join } from "node:path";
import type { LabHost } from "../lab/lab.ts";
import { BUN } from "./acknowledged.ts";
import { BoxMachine } from "./box-machine.ts";
import { pcImage } from "./pc-image.ts";

/** What the emulated box is connected to. */
export interface StoryWires {
  /** Where its wire ends; its processes run there, so that the TAP is theirs. */
  host: LabHost;
  tap: string;
  /** The serial line of its LoRa case. */
  loraPort: string;
  config: string;
}

/** Programs are some ten times slower in emulation. */
const ANSWERS_WITHIN_MS = 180_000;
const PHONE = "/run/phone.js";

/** The image as a board: one wire, a LoRa case on a serial line, two radios; and a third for a phone beside it. */
export class StoryBox {
  private constructor(readonly machine: BoxMachine) {}

  static async start({ host, tap, loraPort, config }: StoryWires): Promise<StoryBox> {
    const { image } = await pcImage();
    const machine = await BoxMachine.start("story", {
      image,
      before: host.command([]),
      memoryMiB: 2_048,
      control: { "omerta.toml": config },
      kernelArguments: "modules_load=mac80211_hwsim mac80211_hwsim.radios=3",
      qemu: [
        ...["-chardev", `serial,id=lora,path=${loraPort}`, "-device", "isa-serial,chardev=lora,index=1"],
        ...["-netdev", `tap,id=wire,ifname=${tap},script=no,downscript=no`],
        ...["-device", "virtio-net-pci,netdev=wire,mac=52:54:00:12:34:01"],
      ],
    });
    return new StoryBox(machine);
  }

  /** @throws with what was printed, when it ends with another status than 0 */
  async shell(script: string, timeoutMs = ANSWERS_WITHIN_MS): Promise<string> {
    const { text, status } = await this.machine.shell(`set -e\n${script}`, timeoutMs);
    if (status !== 0) throw new Error(`${script}: status ${status}: ${text}`);
    return text.trim();
  }

  /** A phone: a radio in a namespace of its own, that joins the open network by itself. */
  async phone(radio: string, ssid: string): Promise<StoryPhone> {
    await this.write(PHONE, await bundle("story-phone.ts"));
    await this.shell(`ip netns add phone
      phy=$(cat /sys/class/net/${radio}/phy80211/name)
      mkdir -p /etc/netns/phone /run/phone
      iw phy "$phy" set netns name phone
      ip -n phone link set lo up
      printf 'ctrl_interface=/run/phone/control\\nnetwork={\\n ssid="%s"\\n key_mgmt=NONE\\n}\\n' '${ssid}' >/run/phone/wpa.conf
      cat >/run/phone/lease.sh <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo "nameserver $dns" >/etc/netns/phone/resolv.conf
END
      chmod +x /run/phone/lease.sh`);
    return new StoryPhone(this, radio);
  }

  private async write(path: string, text: string): Promise<void> {
    const packed = Buffer.from(Bun.gzipSync(Buffer.from(text))).toString("base64");
    await this.shell(`echo ${packed} | base64 -d | gunzip >${path}`);
  }
}

export class StoryPhone {
  constructor(
    private readonly box: StoryBox,
    private readonly radio: string,
  ) {}

  /** @returns its address */
  async join(): Promise<string> {
    return this.box.shell(
      `ip netns exec phone wpa_supplicant -B -D nl80211 -i ${this.radio} -c /run/phone/wpa.conf -f /run/phone/wpa.log >/dev/null
       for n in $(seq 300); do grep -q CTRL-EVENT-CONNECTED /run/phone/wpa.log && break; sleep 0.1; done
       ip netns exec phone busybox udhcpc -i ${this.radio} -n -q -t 15 -T 1 -s /run/phone/lease.sh >/dev/null 2>&1 ||
         { tail -n 20 /run/phone/wpa.log; exit 1; }
       ip -n phone -o -4 addr show dev ${this.radio} | sed 's|.*inet ||; s|/.*||'`,
    );
  }

  /** See story-phone.ts. */
  async does<T>(what: string, ...args: readonly string[]): Promise<T> {
    const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(" ");
    const text = await this.box.shell(`ip netns exec phone ${BUN} ${PHONE} ${what} ${quoted}`);
    return JSON.parse(text.split("\n").at(-1) ?? "") as T;
  }
}

async function bundle(program: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, program)],
    target: "bun",
    minify: true,
  });
  const [output] = outputs;
  if (!output) throw new Error(`${program} was not built`);
  return output.text();
}
