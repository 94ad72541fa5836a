import { expect, test } from "bun:test";
import { encode } from "uqr";
import { qrSvg } from "../../../portal/guest/qr-svg.ts";

test.each(["http://omerta.internal/", "http://10.20.0.1:8080/", "x".repeat(200)])(
  "the picture of %j has every dark module of its QR code and no other",
  (text) => {
    const { data, size } = encode(text, { border: 4 });
    const drawn = data.map((row) => row.map(() => false));
    for (const [, x, y, length] of qrSvg(text).matchAll(/M(\d+) (\d+)\.5h(\d+)/g)) {
      for (let module = 0; module < Number(length); module += 1) {
        const row = drawn[Number(y)] ?? [];
        row[Number(x) + module] = true;
      }
    }
    expect(drawn).toEqual(data);
    expect(qrSvg(text)).toContain(`viewBox="0 0 ${size} ${size}"`);
  },
);

test("the picture of the portal's address is small", () => {
  expect(qrSvg("http://omerta.internal/").length).toBeLessThan(2_500);
});
