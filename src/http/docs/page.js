// Shows /openapi.json. Everything goes in as text, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);

function make(name, text, ...classes) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  element.classList.add(...classes);
  return element;
}

// Follows references into a sample of the shape, a few levels deep.
function shape(api, schema, depth) {
  if (!schema || depth > 12) return "…";
  if (schema.$ref) {
    let found = api;
    for (const part of schema.$ref.slice(2).split("/")) found = found && found[part.replace(/~1/g, "/").replace(/~0/g, "~")];
    return shape(api, found, depth + 1);
  }
  const several = schema.oneOf || schema.anyOf;
  if (several) {
    const shapes = several.filter((one) => one.type !== "null").map((one) => shape(api, one, depth + 1));
    return shapes.length > 1 ? { "one of": shapes } : shapes[0];
  }
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((one) => shape(api, one, depth + 1)));
  if (schema.properties) {
    const sample = {};
    for (const [name, value] of Object.entries(schema.properties)) sample[name] = shape(api, value, depth + 1);
    return sample;
  }
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "anything";
  if (type.startsWith("array")) return [shape(api, schema.items, depth + 1)];
  return schema.example !== undefined ? schema.example : type;
}

function table(heads, rows) {
  const whole = make("table");
  const head = whole.appendChild(make("tr"));
  for (const text of heads) head.append(make("th", text));
  for (const cells of rows) {
    const row = whole.appendChild(make("tr"));
    for (const text of cells) row.appendChild(make("td")).append(make("code", text.code), text.text || "");
  }
  return whole;
}

function describe(api, path, method, call) {
  const box = make("details");
  const summary = box.appendChild(make("summary"));
  summary.append(make("span", method, "method"), make("code", path, "path"), make("span", call.summary || ""));
  box.dataset.words = JSON.stringify([path, method, call]).toLowerCase();
  if (call.description) box.append(make("p", call.description));
  const parameters = (call.parameters || []).map((one) => [
    { code: one.name },
    { text: one.in + (one.required ? ", required" : "") },
    { text: one.description },
  ]);
  if (parameters.length) box.append(table(["parameter", "in", "meaning"], parameters));
  const body = call.requestBody && Object.values(call.requestBody.content || {})[0];
  if (body) box.append(make("h4", "Body"), make("pre", JSON.stringify(shape(api, body.schema, 0), null, 2)));
  for (const [status, answer] of Object.entries(call.responses || {})) {
    box.append(make("h4", status + (answer.description ? ": " + answer.description : "")));
    const content = Object.entries(answer.content || {})[0];
    if (content) {
      box.append(make("p", content[0]), make("pre", JSON.stringify(shape(api, content[1].schema, 0), null, 2)));
    }
  }
  return box;
}

function show(api) {
  byId("title").textContent = api.info.title + " " + api.info.version;
  byId("about").textContent = api.info.description || "";
  const groups = new Map();
  for (const [path, calls] of Object.entries(api.paths)) {
    for (const [method, call] of Object.entries(calls)) {
      const tag = (call.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(describe(api, path, method, call));
    }
  }
  const names = {
    v1: "For vendors and tools: /v1",
    platform: "For platforms",
    atria: "For clients of Atria",
    machine: "For machines",
  };
  for (const tag of ["v1", "platform", "atria", "machine", ...groups.keys()]) {
    if (!groups.has(tag)) continue;
    const section = byId("calls").appendChild(make("section"));
    section.append(make("h2", names[tag] || tag), ...groups.get(tag));
    groups.delete(tag);
  }
}

byId("find").addEventListener("input", (event) => {
  const word = event.target.value.trim().toLowerCase();
  for (const box of document.querySelectorAll("details")) box.hidden = !box.dataset.words.includes(word);
});

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => byId("calls").append(make("p", "The description cannot be shown: " + error)));
