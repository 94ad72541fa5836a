import { afterEach, expect, test } from "bun:test";
import { startEngine, stopEngines, TestNetwork, tcpAddress } from "./engine-network.ts";

afterEach(stopEngines);

test("two members connect by TCP and exchange frames both ways", async () => {
  const network = new TestNetwork("town");
  const [a, b] = await Promise.all([startEngine(network.passport()), startEngine(network.passport())]);
  b.handle("/echo/1", async (stream) => {
    for await (const frame of stream.frames()) await stream.send(frame);
  });
  const connection = await a.dial(b.peer, [tcpAddress(b)], 5_000);
  expect(connection).toMatchObject({
    peer: b.peer,
    kind: "tcp",
    direction: "outbound",
    remote: tcpAddress(b),
  });
  const stream = await a.open(b.peer, "/echo/1");
  const sent = [Buffer.from("hello"), Buffer.alloc(65_536, 7), Buffer.alloc(0)];
  for (const frame of sent) await stream.send(frame);
  await stream.close();
  const got: Buffer[] = [];
  for await (const frame of stream.frames()) got.push(Buffer.from(frame));
  expect(got).toEqual(sent);
});
