import { spawn } from "node:child_process";

const TICK_MS = 5_000;

/**
 * Runs a program with its output on standard error, and says now and again that it is still at work.
 * @param {string[]} command
 * @param {{ cwd?: string, env?: Record<string, string>, quiet?: boolean }} [options] quiet: its output is shown only when it fails
 * @returns {Promise<void>} rejected when it exits with another status than 0
 */
export function runShown(command, options = {}) {
  const [program = "", ...args] = command;
  const started = Date.now();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let kept = "";
    const take = (/** @type {Buffer} */ chunk) => {
      if (options.quiet) kept = (kept + chunk.toString()).slice(-20_000);
      else process.stderr.write(chunk);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const timer = setInterval(() => {
      process.stderr.write(`  … ${Math.round((Date.now() - started) / 1000)} s\n`);
    }, TICK_MS);
    child.on("error", (error) => {
      clearInterval(timer);
      reject(new Error(`${program}: ${error.message}`));
    });
    child.on("exit", (code) => {
      clearInterval(timer);
      if (code === 0) resolve();
      else reject(new Error(`${command.join(" ")} exited with ${code}\n${kept}`));
    });
  });
}
