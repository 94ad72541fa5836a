import { connect } from "node:net";

/*
 * Standard input and output as one TCP connection, as ssh's ProxyCommand wants it (ssh_config(5)):
 * bun tcp-pipe.ts ADDRESS PORT
 */

const [host = "", port = ""] = process.argv.slice(2);
const socket = connect({ host, port: Number(port) });

socket.on("error", (error) => {
  process.stderr.write(`${host}:${port}: ${error.message}\n`);
  process.exit(1);
});
socket.on("connect", () => {
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
});
socket.on("close", () => process.exit(0));
