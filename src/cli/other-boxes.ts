import { OMERTA_BOX } from "../host/own-program.ts";
import type { Box } from "../main.ts";

const NETWORK_NAME = "Bench";

/** A link to join the network of boxes on this machine by, which is made where there is none. */
export async function benchInvite({ mesh }: Pick<Box, "mesh">): Promise<string> {
  const network = mesh.networks().find(({ canInvite }) => canInvite) ?? (await mesh.found(NETWORK_NAME));
  return mesh.invite(network.id, { role: "box", once: false, hours: 24 }).link;
}

/**
 * Starts more boxes on this machine, each a process of its own with its own state, and lets them join a network that the
 * first one may invite to, a new one where there is none. They find each other by themselves.
 */
export async function startOtherBoxes(
  count: number,
  { stateFolder, runFolder }: { stateFolder: string; runFolder: string },
  box: Pick<Box, "mesh">,
): Promise<{ stop(): Promise<void> }> {
  const link = await benchInvite(box);
  const children = Array.from({ length: count }, (_, index) => {
    const number = index + 2;
    const command = [...OMERTA_BOX, "run", "--mode", "bench"];
    const options = [
      "--no-neighbour",
      "--state",
      `${stateFolder}-${number}`,
      "--run",
      `${runFolder}-${number}`,
      "--as",
      `Box ${number}`,
      "--join",
      link,
    ];
    return Bun.spawn([...command, ...options], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  });
  return {
    async stop() {
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map((child) => child.exited));
    },
  };
}
