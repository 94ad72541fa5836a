// The first thing that runs on a fresh machine: plain JavaScript for Node 20 or later, with nothing installed yet.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureDebianPackages } from "./debian-packages.mjs";
import { ensureLibvirtBinding } from "./libvirt-binding.mjs";
import { ensureNpmPackages } from "./npm-packages.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What each command needs from Debian, and what it then runs with the project's own Bun. */
const COMMANDS = {
  start: {
    debian: ["device"],
    without: "Bench mode runs without them; a real guest network does not.",
    program: ["src/cli/main.ts", "run", "--mode", "bench"],
  },
  test: {
    debian: ["device", "lab", "image"],
    without: "The tests that need them are skipped and named.",
    program: ["test/run.ts"],
  },
  image: {
    debian: ["image"],
    without: "An image cannot be built without them.",
    program: ["image-build/main.ts"],
  },
  story: {
    debian: ["device", "lab", "image"],
    without: "The story cannot be told without them.",
    program: ["test/image/story.ts"],
  },
  bench: {
    debian: ["device", "lab", "image"],
    without: "Benchmarks that need them do not run.",
    program: ["test/bench/main.ts"],
  },
};

const [name, ...args] = process.argv.slice(2);
const command =
  name === undefined || !Object.hasOwn(COMMANDS, name)
    ? undefined
    : COMMANDS[/** @type {keyof typeof COMMANDS} */ (name)];
if (command === undefined) {
  process.stderr.write(
    `usage: npm start | npm test | npm run bench -- NAME | npm run image -- --board BOARD | npm run story\n`,
  );
  process.exit(2);
}

try {
  ensureNode();
  await ensureNpmPackages(ROOT);
  await ensureDebianPackages(ROOT, command.debian, command.without);
  // After both: it comes from npm, and is built with what Debian has.
  if (name === "test") await ensureLibvirtBinding(ROOT);
} catch (error) {
  process.stderr.write(`\nSet-up failed: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}

// Ctrl-C reaches the whole group: the program ends itself, and this process waits for it.
process.on("SIGINT", () => {});
const child = spawn(resolve(ROOT, "node_modules/.bin/bun"), [...command.program, ...args], {
  cwd: ROOT,
  stdio: "inherit",
});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  process.stderr.write(`Bun cannot be started: ${error.message}\n`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});

function ensureNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) throw new Error(`Node 20 or later is needed; this is ${process.version}`);
}
