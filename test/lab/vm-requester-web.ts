// Tells whoever asks from where the question came: vm-requester-web.ts PORT. And greets as SSH does, one port further.
const port = Number(process.argv[2]);

Bun.serve({
  hostname: "0.0.0.0",
  port,
  fetch: (request, server) => new Response(`hello ${server.requestIP(request)?.address}\n`),
});
Bun.listen({
  hostname: "0.0.0.0",
  port: port + 1,
  socket: {
    open: (socket) => void socket.end("SSH-2.0-lab\r\n"),
    data: () => {},
  },
});
console.log("serving");

export {};
