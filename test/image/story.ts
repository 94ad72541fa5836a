import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { VirtualAir } from "../../src/bench/virtual-air.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { ShownSos } from "../../src/messages/index.ts";
import { type LabBox, startBox } from "../lab/box.ts";
import { Lab, type LabProcess, until } from "../lab/lab.ts";
import { networkAside } from "../lab/network-invite.ts";
import { type Home, INTERNET, leftOfAgent, makeHome, REQUESTER, set, WEB_PORT } from "../lab/vm-requester.ts";
import { StoryBox, type StoryPhone } from "./story-image.ts";

const CLI = resolve(import.meta.dir, "../../src/cli/main.ts");
const SSID = "Mill Lane";
const TAP = "story0";
const GATEWAY = "198.51.100.1";
const HELP = "The bridge is down, two of us are on the island";
const ANSWER = "A boat leaves now";
/** A few bundles on LongFast, and the hellos before them. */
const ON_AIR_MS = 240_000;
/** A machine within an emulated machine: everything is some hundred times slower. */
const NESTED_MS = 2_400_000;
const BOOT_MS = 600_000;

/** One step of the story, as long as it took. */
export interface Told {
  step: string;
  seconds: number;
  /** What was seen, where that is more than that it went well. */
  seen: string;
}

/**
 * All of it at once, with no internet: the image starts on an emulated PC with emulated radios and a LoRa case on its serial line; a
 * phone joins its open network and calls for help; another box gets that by LoRa alone, and its operator answers; the phone reads the
 * answer; and somebody on the wire borrows a machine, fetches a page by their own tunnel, and gives it back.
 * @param told each step when it is over
 * @throws {Error} with the step that went wrong
 */
export async function story(told: (step: Told) => void): Promise<void> {
  const lab = new Lab("story");
  const ends: (() => unknown)[] = [];
  let sinceMs = performance.now();
  const step = async <T>(
    name: string,
    action: () => Promise<T>,
    seen?: (result: T) => string,
  ): Promise<T> => {
    sinceMs = performance.now();
    try {
      const result = await action();
      const seconds = (performance.now() - sinceMs) / 1_000;
      told({ step: name, seconds, seen: seen?.(result) ?? "" });
      return result;
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  };
  try {
    await lab.open();
    const { air, home, invite } = await surroundings(lab, ends);
    const tower = await startBox(lab, "tower", { config: towerConfig(air.ports[1], invite("box")) });
    ends.push(() => tower.stop());
    await tell({ lab, home, air, tower, invite, ends, step });
  } finally {
    for (const end of ends.reverse()) await end();
    await lab.close();
  }
}

interface Scene {
  lab: Lab;
  home: Home;
  air: VirtualAir;
  tower: LabBox;
  invite: ReturnType<typeof networkAside>;
  ends: (() => unknown)[];
  step<T>(name: string, action: () => Promise<T>, seen?: (result: T) => string): Promise<T>;
}

/** The air that the two LoRa cases share; the requester's home; and the wire on which the box will be. */
async function surroundings(lab: Lab, ends: (() => unknown)[]) {
  const time = { timers: systemTimers, random: Math.random };
  const air = new VirtualAir({ firmware: "rnode", runFolder: lab.folder, ...time });
  await air.start();
  ends.push(() => air.stop());
  const home = await makeHome(lab);
  // In the place of the box that lends: its wire, and somebody who gives it an address.
  await set(home.host, "address flush dev eth0", "link add br0 type bridge", "link set eth0 master br0");
  await home.host.run(["ip", "tuntap", "add", "dev", TAP, "mode", "tap"]);
  await set(home.host, `link set ${TAP} master br0`, `link set ${TAP} up`, "link set br0 up");
  home.internet.spawn([
    ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--port=0"],
    ...["--interface=eth1", "--bind-interfaces", `--dhcp-option=option:router,${GATEWAY}`],
    ...["--dhcp-range=198.51.100.50,198.51.100.60,255.255.255.0", `--dhcp-leasefile=${lab.folder}/leases`],
  ]);
  return { air, home, invite: networkAside(join(lab.folder, "founder")) };
}

const towerConfig = (loraPort: string, invite: string) => `
[box]
name = "Tower"
[lora]
region = "EU868"
ports = ["${loraPort}"]
[mesh]
invites = ["${invite}"]
`;

/** What the community writes onto the card. */
const cardConfig = (invite: string) => `
[box]
name = "${SSID}"
operator = "the neighbours of Mill Lane"
[wifi]
country = "DE"
[[wifi.radios]]
path = "hwsim2"
use = "off"
[lora]
region = "EU868"
ports = ["/dev/ttyS1"]
[mesh]
invites = ["${invite}"]
[vm]
start_minutes = 30
[vm.pool]
machines = 0
`;

async function tell(scene: Scene): Promise<void> {
  const { home, air, tower, invite, ends, step } = scene;
  const box = await StoryBox.start({
    host: home.host,
    tap: TAP,
    loraPort: air.ports[0],
    config: cardConfig(invite("box")),
  });
  ends.push(() => box.machine.stop());
  await step("power on: the open network is on the air", () => onTheAir(box));
  const phone = await box.phone("wlan2", SSID);
  await step(
    "a phone finds it, joins, and has an address",
    () => phone.join(),
    (address) => address,
  );
  await step(
    "the phone's own software is led to the portal",
    () => phone.does<{ status: number; location: string }>("probe"),
    ({ status, location }) => `${status} ${location}`,
  );
  await step("its owner agrees", async () => {
    const { status } = await phone.does<{ status: number }>("consent");
    if (status !== 303) throw new Error(`status ${status}`);
  });
  const before = framesOf(air);
  const mine = await step("and calls for help", () => callForHelp(phone));
  await step(
    "frames of it leave by the LoRa case's serial line",
    () => until("frames on the air", () => framesOf(air) > before, ON_AIR_MS),
    () => `${framesOf(air) - before} frames`,
  );
  const call = await step(
    "another box has it, by LoRa alone",
    () => calledAt(tower),
    ({ text }) => text,
  );
  await step("whose operator answers", () => acknowledge(tower, call.id));
  await step("the phone reads the answer", () =>
    until(
      "the answer",
      async () => (await phone.does<{ words: string }>("read", mine)).words.includes(ANSWER),
      ON_AIR_MS,
    ),
  );
  await borrow(scene, box).catch(async (error: unknown) => {
    const last = await box.shell("journalctl -u omerta-box -n 60 --no-pager -o cat").catch(String);
    throw new Error(`${error instanceof Error ? error.message : error}\nThe box said last:\n${last}`, {
      cause: error,
    });
  });
}

/** @throws when it does not come */
async function onTheAir(box: StoryBox): Promise<void> {
  await box.machine.untilStarted(BOOT_MS);
  await box.shell(
    `for n in $(seq 60); do
       iw dev | grep -q 'ssid ${SSID}' && exit 0
       sleep 1
     done
     journalctl -u omerta-box -n 40 --no-pager -o cat; exit 1`,
    BOOT_MS,
  );
}

const framesOf = (air: VirtualAir): number => air.stats().sent;

/** @returns the page on which its state is shown */
async function callForHelp(phone: StoryPhone): Promise<string> {
  const { status, location } = await phone.does<{ status: number; location: string }>(
    "sos",
    HELP,
    "Mill island",
  );
  if (status !== 303) throw new Error(`the form was answered with ${status}`);
  return location.replace(/^https?:\/\/[^/]+/, "");
}

function calledAt(tower: LabBox): Promise<ShownSos> {
  return until(
    "the call at the other box",
    async () => (await operator<ShownSos[]>(tower, "sos")).find(({ text }) => text === HELP),
    ON_AIR_MS,
  );
}

async function acknowledge(tower: LabBox, id: string): Promise<void> {
  const answer = await operator<{ id?: string }>(tower, "acknowledge", { id, note: ANSWER });
  if (answer.id !== id) throw new Error(JSON.stringify(answer));
}

async function operator<T>({ runFolder }: LabBox, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`http://box/api/messages/${path}`, {
    unix: `${runFolder}/control.sock`,
    ...(body === undefined
      ? {}
      : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return (await response.json()) as T;
}

/** A member of the network on the wire borrows a machine of the box, and gives it back. */
async function borrow({ lab, home, invite, ends, step }: Scene, box: StoryBox): Promise<void> {
  const folder = join(lab.folder, "requester");
  mkdirSync(folder);
  const [state, runFolder] = [join(folder, "state"), join(folder, "run")];
  const command = (name: string, ...args: string[]) => [
    ...[process.execPath, CLI, "vm", name, "--state", state, "--run", runFolder],
    ...args,
  ];
  await home.requester.run(command("join", invite("requester")));
  const address = await box.shell(
    "ip -o -4 addr show | sed -n 's|.*inet \\(198\\.51\\.100\\.[0-9]*\\)/.*|\\1|p'",
  );
  let asked: LabProcess | undefined;
  ends.push(() => asked?.stop());
  await step(
    "somebody on the wire borrows a machine of their own",
    async () => {
      asked = home.requester.spawn(
        command(
          "request",
          "--provider",
          address,
          "--why",
          "a story that is told",
          "--for",
          "30m",
          "--memory",
          "128",
        ),
      );
      const started = asked;
      const isReady = () => started.output().includes("Log in with");
      const ended = started.exited.then((code) => Promise.reject(new Error(`status ${code}`)));
      ended.catch(() => undefined);
      await Promise.race([until("the machine", isReady, NESTED_MS), ended]).catch((error) => {
        throw new Error(`${error}: ${started.output()}`);
      });
      return started.output();
    },
    (text) => text.trim().split("\n").at(-1) ?? "",
  );
  await step(
    "and fetches a page by their own tunnel",
    async () => {
      const asked = ["--", "wget", "-q", "-O", "-", `http://${INTERNET}:${WEB_PORT}/`];
      const text = (await home.requester.run(command("ssh", ...asked), { timeoutMs: NESTED_MS })).trim();
      if (text !== `hello ${REQUESTER}`) throw new Error(text);
      return text;
    },
    (text) => `the page says: ${text}`,
  );
  await step("gives it back, and nothing is left of it", async () => {
    await home.requester.run(command("release", "--all"), { timeoutMs: NESTED_MS });
    await until("nothing to be left on the box", async () => (await leftOnBox(box)) === "", NESTED_MS);
    const atHome = () => leftOfAgent(home.requester, runFolder);
    await until("nothing to be left at home", async () => (await atHome()).length === 0, 60_000).catch(
      async (error) => {
        throw new Error(`${error}: ${await atHome()}`, { cause: error });
      },
    );
  });
}

/** Domains, namespaces and links of leases. */
const leftOnBox = (box: StoryBox): Promise<string> =>
  box.shell(`virsh -c qemu:///system list --name | grep . || true
    ip netns list | grep omvm || true
    ip -o link | grep -o 'om[tw][0-9a-f]\\{10\\}' || true`);

if (import.meta.main) {
  const began = performance.now();
  const line = ({ step, seconds, seen }: Told) =>
    `${seconds.toFixed(1).padStart(7)} s  ${step}${seen === "" ? "" : ` (${seen})`}`;
  await story((one) => console.log(line(one)));
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(7)} s  in all`);
}
