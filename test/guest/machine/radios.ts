import type { GuestMachine, MachineHost } from "./guest-machine.ts";

export interface RadiosOptions {
  /** ISO 3166-1 alpha-2. Default: US. */
  country?: string;
  /** Channels on which one radio can be at the same time. Default: 1, as most chips. */
  channels?: number;
}

/**
 * Radios of mac80211_hwsim: phys `r0`, `r1` …, each with an interface `wlan0`, `wlan1` …; the addresses are
 * 02:00:00:00:00:00, 02:00:00:00:01:00 … They hear each other without loss, whatever namespace they are in.
 */
export class Radios {
  private readonly plugged = new Map<number, MachineHost>();

  private constructor(
    readonly machine: GuestMachine,
    readonly count: number,
  ) {}

  static async make(machine: GuestMachine, count: number, options: RadiosOptions = {}): Promise<Radios> {
    const { country = "US", channels = 1 } = options;
    // The kernel goes on counting phys after the module was loaded anew: they get names that stay.
    await machine.shell(
      `modprobe mac80211_hwsim radios=${count} channels=${channels}
       for n in $(seq 0 ${count - 1}); do
         until [ -e /sys/class/net/wlan$n/phy80211/name ]; do sleep 0.05; done
         iw phy "$(cat /sys/class/net/wlan$n/phy80211/name)" set name r$n
       done
       iw reg set ${country}
       for n in $(seq 100); do
         iw reg get | grep -q "^country ${country}:" && exit
         sleep 0.1
       done
       exit 1`,
      { timeoutMs: 20_000 + 1_000 * count },
    );
    return new Radios(machine, count);
  }

  /** Puts radios, by their number, into namespaces. An interface keeps its name unless `name` says another. */
  async give(...all: readonly { radio: number; host: MachineHost; name?: string }[]): Promise<void> {
    const lines = all.flatMap(({ radio, host, name }) => [
      `iw phy r${radio} set netns name ${host.name}`,
      ...(name === undefined ? [] : [`ip -n ${host.name} link set wlan${radio} name ${name}`]),
    ]);
    await this.machine.shell(lines.join("\n"), { timeoutMs: 10_000 + 1_000 * all.length });
  }

  /**
   * Says who hears whom, at once: radios whose masks have a bit in common. All radios begin with 1; one with 0 hears
   * nobody. In line: `{ 0: 1, 1: 3, 2: 2 }`. Source: mac80211_hwsim's `group` in debugfs.
   */
  async reach(masks: Readonly<Record<number, number>>): Promise<void> {
    const lines = Object.entries(masks).map(
      ([radio, mask]) => `echo ${mask} >/sys/kernel/debug/ieee80211/r${radio}/hwsim/group`,
    );
    await this.machine.shell(lines.join("\n"));
  }

  /** Takes a radio away, as an adapter that is pulled out. @param host whose namespace it is in */
  async unplug(radio: number, host: MachineHost): Promise<void> {
    await host.run(["bun", "/project/test/guest/machine/hwsim-radio.ts", "remove", `r${radio}`]);
    this.plugged.delete(radio);
  }

  /** Adds one to a namespace, as an adapter that is plugged in: its phy is `r` and the number, its interface the kernel's choice. */
  async plug(radio: number, host: MachineHost): Promise<void> {
    await host.run(["bun", "/project/test/guest/machine/hwsim-radio.ts", "add", `r${radio}`]);
    this.plugged.set(radio, host);
  }

  /** Ends everything that runs in a namespace, removes all namespaces, and the radios. */
  async reset(): Promise<void> {
    // A radio that was made in a namespace goes with it, some time after. A kernel of 6.1 whose module goes meanwhile
    // follows a pointer to nowhere (hwsim_exit_net in mac80211_hwsim.c).
    for (const [radio, host] of this.plugged) await this.unplug(radio, host);
    await this.machine.shell(
      `for name in $(ip netns list | cut -d' ' -f1); do
         for pid in $(ip netns pids $name); do kill -9 $pid 2>/dev/null || true; done
       done
       busybox killall -q -9 hostapd wpa_supplicant dnsmasq udhcpc || true
       ip -all netns delete
       # A namespace lives on until the last of its processes is gone, and brings its radios back only then.
       for n in $(seq 100); do
         rmmod mac80211_hwsim 2>/dev/null && exit
         sleep 0.1
       done
       exit 1`,
      { timeoutMs: 60_000 },
    );
  }
}
