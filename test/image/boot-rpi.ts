import { type BoxBoard, BoxMachine } from "./box-machine.ts";
import { WIRED_PHONE } from "./wired-phone.ts";

// bun test/image/boot-rpi.ts IMAGE [raspi3b]
// Starts an image for Raspberry Pis in QEMU's machine "virt" with a Cortex-A53, or as the board 3B with its card and its own
// device tree, until its portal answers; an image that was made with --lab opens its network on an emulated radio, too. It
// needs Debian's qemu-system-arm, and minutes; not part of npm test.

const TIMEOUT_MS = 1_800_000;

/** QEMU wants a card to have as many bytes as a power of two. */
const CARD_MIB = 4_096;

const [image, kind = "virt"] = process.argv.slice(2);
if (image === undefined)
  throw new Error("which image? bun test/image/boot-rpi.ts dist/omerta-box-rpi-arm64.img");
const board: BoxBoard = kind === "raspi3b" ? "raspberry-pi-3b" : "raspberry-pi";
const machine = await BoxMachine.start(`rpi-${kind}`, { image, board, diskMiB: CARD_MIB });
try {
  const started = await machine.untilStarted(TIMEOUT_MS);
  console.log(`multi-user after ${started.toFixed(0)} s`);
  const { text } = await machine.shell(WIRED_PHONE, TIMEOUT_MS);
  if (!text.includes("Welcome")) throw new Error(`that is not the portal's page: ${text}`);
  console.log(`the portal's page after ${machine.seconds().toFixed(0)} s`);
  const { text: air } = await machine.shell(
    `modprobe mac80211_hwsim radios=1 2>/dev/null && { until iw dev | grep ssid; do sleep 1; done; }`,
    TIMEOUT_MS,
  );
  if (air !== "") console.log(`on the air after ${machine.seconds().toFixed(0)} s: ${air.trim()}`);
  const { text: facts } = await machine.shell(
    `systemd-analyze | head -n 2
     systemctl --failed --no-legend --plain
     for module in brcmfmac ath9k_htc mt76x2u rtw88_8821cu cp210x ch341 batman_adv wireguard bcm2835_wdt dm_verity; do
       modprobe $module || echo "no $module"
     done
     ps -eo rss,args --sort=-rss | head -n 8 | cut -c1-100
     free -m`,
    TIMEOUT_MS,
  );
  console.log(facts);
} finally {
  await machine.stop();
}
