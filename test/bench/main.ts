import { type Bench, runBench } from "./bench.ts";
import { image } from "./image.ts";
import { lora } from "./lora.ts";
import { mesh } from "./mesh.ts";
import { messages } from "./messages.ts";
import { portal } from "./portal.ts";
import { serial } from "./serial.ts";
import { vm } from "./vm.ts";

const BENCHES: readonly Bench[] = [portal, serial, lora, mesh, messages, vm, image];

const [name, ...options] = process.argv.slice(2);
const bench = BENCHES.find((entry) => entry.name === name);
if (name === "--list") {
  for (const entry of BENCHES) process.stdout.write(`${entry.name.padEnd(12)} ${entry.summary}\n`);
} else if (bench !== undefined) {
  await runBench(bench, options);
} else {
  process.stderr.write(
    `${name === undefined ? "which benchmark?" : `no benchmark ${name}:`} --list, or one of ${BENCHES.map((entry) => entry.name).join(", ")}\n`,
  );
  process.exitCode = 2;
}
