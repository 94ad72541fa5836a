import { expect, test } from "bun:test";
import { join } from "node:path";
import { GuestAgent, GuestAgentError } from "../../../../src/vm/guest-agent/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();

test("an agent that is closed at whatever moment of a question leaves none open", async () => {
  const path = join(scratch(), "agent");
  const guest = Bun.listen({ unix: path, socket: { data: () => undefined } });
  try {
    for (let turns = 0; turns < 40; turns += 1) {
      const agent = new GuestAgent(path);
      const asked = agent.ping(60_000).catch((error: unknown) => error);
      for (let turn = 0; turn < turns; turn += 1) await (turn % 4 === 3 ? Bun.sleep(0) : Promise.resolve());
      agent.close();
      expect(await asked).toBeInstanceOf(GuestAgentError);
    }
  } finally {
    guest.stop(true);
  }
}, 20_000);
