import { join, resolve } from "node:path";
import { setupPage } from "./page.tsx";

const ENTRY = resolve(import.meta.dir, "../../portal/setup/main.ts");
/** Everything in this folder goes to the part of the card that people see. */
export const SETUP_PAGE = join(import.meta.dir, "../control/omerta-setup.html");

/** @throws AggregateError of Bun's when a file is missing or wrong */
export async function makeSetupPage(): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [ENTRY], target: "browser", format: "esm" });
  const [output] = outputs;
  if (output === undefined) throw new Error("the script of the page was not built");
  // Bun lowers no syntax, and would wrap it into an arrow: what is written is what old browsers get.
  const script = (await output.text()).replace(/^\/\/ .*\n/gm, "");
  if (script.includes("</script")) throw new Error("the script of the page ends itself");
  return `${setupPage(`(function(){\n${script}})();`)}\n`;
}

// bun image-build/setup-page/make-page.ts
if (import.meta.main) await Bun.write(SETUP_PAGE, await makeSetupPage());
