import type { LabHost } from "./lab.ts";

/** What a resolver answered, in a few words: `NOERROR 198.51.100.1`. */
export async function lookUp(
  host: LabHost,
  name: string,
  type: "A" | "AAAA",
  server: string,
): Promise<string> {
  const program = `
    const { Resolver } = require("node:dns").promises;
    const resolver = new Resolver({ timeout: 1500, tries: 1 });
    resolver.setServers([${JSON.stringify(server)}]);
    resolver.${type === "A" ? "resolve4" : "resolve6"}(${JSON.stringify(name)}).then(
      (addresses) => console.log("NOERROR " + addresses.join(" ")),
      (error) => console.log(error.code),
    );`;
  return (await host.run([process.execPath, "-e", program])).trim();
}
