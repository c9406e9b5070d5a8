/** Small helpers over the document; no text ever becomes markup. */

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** An element: properties (and attributes, with a dash or "role") first, children after. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.includes("-") || name === "role" || name === "for") node.setAttribute(name, value);
    else if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A label or file name in its own writing direction. */
export const name = (text) => el("bdi", { class: "label", title: text }, text);

export const swatch = (stream) => el("i", { class: `swatch ${["audio", "visual", "audio_visual"][stream]}`, "aria-hidden": "true" });

/** Seconds as 1:02:03.4, with decimals when asked for. */
export function clock(seconds, decimals = 0) {
  const whole = Math.max(0, seconds), scale = 10 ** decimals;
  const ticks = Math.round(whole * scale), s = Math.floor(ticks / scale) % 60, m = Math.floor(ticks / scale / 60) % 60, h = Math.floor(ticks / scale / 3600);
  const rest = decimals ? `.${String(ticks % scale).padStart(decimals, "0")}` : "";
  const two = (n) => String(n).padStart(2, "0");
  return `${h ? `${h}:${two(m)}` : m}:${two(s)}${rest}`;
}

export const plural = (n, word, more = `${word}s`) => `${n.toLocaleString("en")} ${n === 1 ? word : more}`;

/** How far a job is. */
export function stageWords(job) {
  if (!job || job.stage === "waiting") return "waiting";
  const share = job.total ? ` ${Math.round((100 * job.done) / job.total)} %` : "";
  return `${job.stage}${share}${job.seconds_left ? `, ${clock(job.seconds_left)} left` : ""}`;
}

/** Tell the reader something, also through a screen reader. */
export function say(text, kind = "") {
  const box = $("said");
  box.textContent = text;
  box.className = `said ${kind}`;
  clearTimeout(say.timer);
  if (kind !== "alarm") say.timer = setTimeout(() => (box.className = "said gone"), 6000);
}

/** Run it once, this long after the last call. */
export function later(milliseconds, run) {
  let timer = 0;
  const call = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), milliseconds);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}
