// A community service as an operator would run one: a page, a large file, and a stream that does not end.
const [hostname = "", port = ""] = process.argv.slice(2);

const LARGE = new Uint8Array(5_000_000).map((_, index) => (index * 7919) >> 5);

async function* endless(): AsyncGenerator<string> {
  for (;;) {
    yield "still here\n";
    await Bun.sleep(200);
  }
}

Bun.serve({
  hostname,
  port: Number(port),
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/library/large") return new Response(LARGE);
    if (pathname === "/library/endless") return new Response(endless());
    if (pathname === "/library/digest")
      return new Response(new Bun.CryptoHasher("sha256").update(LARGE).digest("hex"));
    return new Response(`the library, at ${pathname}`);
  },
});
