// One side of the serial benchmark, the same code under Bun with our binding and under Node with serialport's own:
// `serial-subject.mjs BINDING TASK DEVICE COUNT`. It prints one JSON value.
import { SerialPortStream } from "@serialport/stream";

const BAUD_RATE = 921_600;
const FRAME_BYTES = 32;
const CHUNK_BYTES = 16 * 1024;

const [bindingName = "", task = "", path = "", countText = ""] = process.argv.slice(2);
const count = Number(countText);
const binding =
  bindingName === "ours"
    ? (await import("../../src/lora/serial/index.ts")).linuxBinding
    : (await import("@serialport/bindings-cpp")).autoDetect();

/** @returns {Promise<SerialPortStream>} */
const open = () =>
  new Promise((resolve, reject) => {
    /** @type {SerialPortStream} */
    const port = new SerialPortStream({ binding, path, baudRate: BAUD_RATE, hupcl: false }, (error) =>
      error ? reject(error) : resolve(port),
    );
  });

/** @param {SerialPortStream} port @returns {Promise<void>} */
const close = (port) =>
  new Promise((resolve, reject) => port.close((error) => (error ? reject(error) : resolve())));

/** Seconds from the first byte to the last of `count`. */
async function read() {
  const port = await open();
  let got = 0;
  let started = 0;
  const seconds = await new Promise((resolve) => {
    port.on("data", (/** @type {Buffer} */ bytes) => {
      if (got === 0) started = performance.now();
      got += bytes.length;
      if (got >= count) resolve((performance.now() - started) / 1_000);
    });
    process.stderr.write("ready\n");
  });
  await close(port);
  return seconds;
}

/** Seconds until the kernel has all of `count` bytes. */
async function write() {
  const port = await open();
  const chunk = Buffer.alloc(CHUNK_BYTES, 0x55);
  process.stderr.write("ready\n");
  const started = performance.now();
  for (let left = count; left > 0; left -= CHUNK_BYTES) {
    const whole = left - CHUNK_BYTES <= 0;
    if (whole) await new Promise((resolve) => port.write(chunk.subarray(0, left), () => resolve(undefined)));
    else if (!port.write(chunk)) await new Promise((resolve) => port.once("drain", () => resolve(undefined)));
  }
  const seconds = (performance.now() - started) / 1_000;
  await close(port);
  return seconds;
}

/** Seconds for opening and closing `count` times. */
async function openClose() {
  await close(await open());
  const started = performance.now();
  for (let i = 0; i < count; i++) await close(await open());
  return (performance.now() - started) / 1_000;
}

/** Milliseconds that each of `count` frames took there and back. */
async function roundTrips() {
  const port = await open();
  const frame = Buffer.alloc(FRAME_BYTES, 0x33);
  /** @type {number[]} */
  const times = [];
  process.stderr.write("ready\n");
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    let back = 0;
    await new Promise((resolve) => {
      const take = (/** @type {Buffer} */ bytes) => {
        back += bytes.length;
        if (back < FRAME_BYTES) return;
        port.off("data", take);
        resolve(undefined);
      };
      port.on("data", take);
      port.write(frame);
    });
    times.push(performance.now() - started);
  }
  await close(port);
  return times;
}

const tasks = { read, write, openClose, roundTrips };
if (!Object.hasOwn(tasks, task)) throw new Error(`no task ${task}`);
const result = await tasks[/** @type {keyof typeof tasks} */ (task)]();
process.stdout.write(JSON.stringify(result));
process.exit(0);
