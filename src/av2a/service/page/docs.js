/** The description of the API, readable; drawn from openapi.json. */

import { $, el } from "./dom.js";

const description = await (await fetch("/api/openapi.json")).json();
$("about").textContent = description.info.description;
for (const [path, calls] of Object.entries(description.paths)) {
  for (const [method, call] of Object.entries(calls)) {
    const parameters = (call.parameters ?? []).map((each) => `${each.name} (${each.in}): ${each.description}`);
    const body = Object.entries(call.requestBody?.content ?? {}), result = Object.entries(call.responses).flatMap(([status, each]) => Object.entries(each.content ?? {}).map(([type, { schema }]) => `${status} ${type}\n${JSON.stringify(schema, null, 1)}`));
    $("calls").append(el("article", {},
      el("h2", {}, el("code", {}, `${method.toUpperCase()} ${path}`)), el("p", {}, call.summary),
      parameters.length ? el("ul", {}, ...parameters.map((words) => el("li", {}, words))) : null,
      ...body.map(([type, { schema }]) => el("details", {}, el("summary", {}, `Body: ${type}`), el("pre", {}, JSON.stringify(schema, null, 1)))),
      result.length ? el("details", {}, el("summary", {}, "Answers"), el("pre", {}, result.join("\n\n"))) : null));
  }
}
