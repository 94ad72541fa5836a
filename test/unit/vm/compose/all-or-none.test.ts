import { expect, test } from "bun:test";
import { startAllOrNone } from "../../../../src/vm/compose/all-or-none.ts";

const part = (name: string, said: string[], why?: string) => ({
  start: () => {
    if (why !== undefined) throw new Error(why);
    said.push(`${name} starts`);
  },
  stop: async () => void said.push(`${name} stops`),
});

test("what was started goes again when what needs it does not start: nothing is left half", async () => {
  const said: string[] = [];
  const parts = [part("lending", said), part("counter", said), part("server", said, "the port is taken")];
  expect(startAllOrNone(parts)).rejects.toThrow("the port is taken");
  await startAllOrNone(parts).catch(() => undefined);
  expect(said.slice(-4)).toEqual(["lending starts", "counter starts", "counter stops", "lending stops"]);
});

test("all are started in order when all start", async () => {
  const said: string[] = [];
  await startAllOrNone([part("lending", said), part("server", said)]);
  expect(said).toEqual(["lending starts", "server starts"]);
});
