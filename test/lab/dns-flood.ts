// A station that asks as many names as it can: `dns-flood.ts SERVER COUNT`. Only for the lab.
const [server = "", count = "0"] = process.argv.slice(2);
let answered = 0;
const sockets = await Promise.all(
  // Many ports: each is a connection of its own to the kernel.
  Array.from({ length: 200 }, () =>
    Bun.udpSocket({
      connect: { hostname: server, port: 53 },
      socket: {
        data: () => {
          answered += 1;
        },
      },
    }),
  ),
);
console.log("begun");
for (let index = 0; index < Number(count); index += 1) {
  const socket = sockets[index % sockets.length];
  socket?.send(query(`n${index}.tunnel.example`, index & 0xffff));
  if (index % 200 === 199) await Bun.sleep(20);
}
await Bun.sleep(500);
console.log(`answered ${answered}`);
process.exit(0);

/** A query for an A record (RFC 1035 section 4). */
function query(name: string, id: number): Uint8Array {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Uint8Array.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}

export {};
