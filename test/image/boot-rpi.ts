import { BoxMachine } from "./box-machine.ts";
import { WIRED_PHONE } from "./wired-phone.ts";

// bun test/image/boot-rpi.ts IMAGE
// Starts an image for Raspberry Pis in QEMU's machine "virt" with a Cortex-A53, until its portal answers. It needs Debian's
// qemu-system-arm, and minutes; not part of npm test.

const TIMEOUT_MS = 1_800_000;

const [image] = process.argv.slice(2);
if (image === undefined)
  throw new Error("which image? bun test/image/boot-rpi.ts dist/omerta-box-rpi-arm64.img");
const machine = await BoxMachine.start("rpi", { image, board: "raspberry-pi" });
try {
  const started = await machine.untilStarted(TIMEOUT_MS);
  console.log(`multi-user after ${started.toFixed(0)} s`);
  const { text } = await machine.shell(WIRED_PHONE, TIMEOUT_MS);
  if (!text.includes("Welcome")) throw new Error(`that is not the portal's page: ${text}`);
  console.log(`the portal's page after ${machine.seconds().toFixed(0)} s`);
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
