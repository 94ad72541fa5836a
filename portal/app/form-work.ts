// The script of the plain forms. It runs as it is in browsers of before 2015, which know neither arrows nor let.
// biome-ignore-all lint/suspicious/noVar: see above.
// biome-ignore-all lint/complexity/useArrowFunction: see above.
// biome-ignore-all lint/complexity/useOptionalChain: see above.
import { solveWork } from "../guest/work-solver.ts";

/** Does the work that stands in a form, while whoever wrote it looks it over; a form that is sent before goes out when it is done. */
function begin(field: HTMLInputElement, form: HTMLFormElement): void {
  var isAwaited = false;
  // Some browsers fill in again what stood there before the page was loaded anew: the solution of another challenge.
  field.value = "";
  form.onsubmit = function () {
    if (field.value !== "") return true;
    isAwaited = true;
    return false;
  };
  show("work-wait", false);
  show("work-doing", true);
  solveWork(
    field.getAttribute("data-challenge") || "",
    function (solution) {
      field.value = solution;
      show("work-doing", false);
      show("work-done", true);
      if (isAwaited) form.submit();
    },
    function (share) {
      var bar = document.getElementById("work-share");
      if (bar) bar.setAttribute("value", String(share));
    },
  );
}

function show(id: string, isShown: boolean): void {
  var element = document.getElementById(id);
  if (element) element.style.display = isShown ? "block" : "none";
}

var work = document.getElementById("work");
// The cast: it is an input wherever it is. `instanceof` is not to be relied on in windows for signing in.
var input = work as HTMLInputElement | null;
if (input && input.form) begin(input, input.form);
