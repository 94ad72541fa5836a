import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding } from "../needs.ts";
import { BoxMachine } from "./box-machine.ts";
import { pcImage } from "./pc-image.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
/** A quiet machine needs one minute. */
const BOOT_TIMEOUT_MS = 400_000;

describeNeeding(
  ["x86-64", "program:qemu-system-x86_64", "program:mmdebstrap", "program:mksquashfs", "program:mcopy"],
  "the image for PCs",
  () => {
    let machine: BoxMachine;
    beforeAll(async () => {
      const { image } = await pcImage();
      machine = await BoxMachine.start("boot", { image });
    }, BUILD_TIMEOUT_MS);
    afterAll(async () => {
      await machine?.stop();
    });

    test(
      "starts by itself, with the box running and the portal answering",
      async () => {
        const started = await machine.untilStarted(BOOT_TIMEOUT_MS);
        const { text } = await machine.shell(
          `for n in $(seq 300); do
             address=$(ip -o -4 addr show br-guest 2>/dev/null | sed 's|.*inet ||; s|/.*||')
             [ -n "$address" ] && busybox wget -q -T 10 -O - "http://$address:8080/" && break
             sleep 0.5
           done`,
          BOOT_TIMEOUT_MS,
        );
        console.log(
          `multi-user after ${started.toFixed(0)} s, the portal after ${machine.seconds().toFixed(0)} s`,
        );
        expect(text).toContain("<html");
      },
      BOOT_TIMEOUT_MS * 2,
    );
  },
);
