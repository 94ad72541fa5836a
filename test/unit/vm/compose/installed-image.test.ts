import { expect, test } from "bun:test";
import { join } from "node:path";
import { defaultConfig } from "../../../../src/config/index.ts";
import { poolPolicyOf } from "../../../../src/vm/compose/lending-pool.ts";
import { SeenImages } from "../../../../src/vm/image/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { member } from "../admission/fixed-case.ts";
import { installImage } from "../image/install-image.ts";
import { Asker } from "../lending/asker.ts";
import { lending } from "../lending/played-ground.ts";

const scratch = scratchFolders();

test("an image that is installed while a box lends is lent, and machines of it are to wait", async () => {
  const folder = join(scratch(), "images");
  const { lender, clocks, store, journal } = lending(scratch(), {
    images: () => seen.now(),
    capability: () => ({
      ...{ cpus: 4, memoryMiB: 2_048, diskMiB: 4_096 },
      images: seen.now().map(({ name }) => name),
    }),
  });
  const seen = new SeenImages({
    ...{ folder, architecture: "amd64", log: capturedLog().log, timers: clocks.timers },
    onChange: () => undefined,
  });
  const policy = poolPolicyOf(defaultConfig().vm, () => seen.now());
  await lender.start();
  const ana = new Asker(1);
  expect(await lender.request(ana.asks(1), member)).toMatchObject({ is: "refused" });
  expect(policy.shapes).toEqual([]);
  installImage(folder, "small");
  clocks.time.advance(1_000);
  expect(await lender.request(ana.asks(2), member)).toMatchObject({ is: "admitted" });
  expect(policy.shapes.map(({ image }) => image)).toEqual(["small"]);
  await lender.stop();
  store.close();
  journal.close();
});
