/** Thresholds: how sure, in terms of chance, for each stream and the opened label; lengths; and the paper's numbers under Method. */

import { $, el, later } from "./dom.js";
import { WORDS } from "./core.js";

const METHOD = [
  ["audio_weight", "α", "", "weight of sound in “both”", 0, 1, 0.01],
  ["initial_threshold", "τ⁰", "", "where thresholds begin", 0.5, 0.999, 0.001],
  ["category_threshold", "τ", "f", "a label is looked for above this", 0.5, 0.9999, 0.0001],
  ["confidence_threshold", "τ", "r", "an interval is kept above this", 0.5, 0.999, 0.001],
  ["decay", "λ", "", "how fast thresholds come to rest", 0, 10, 0.1],
];

/** The normal distribution's upper tail (Abramowitz and Stegun 26.2.17; off by less than 1e-7). */
export function tail(z) {
  if (z < 0) return 1 - tail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) * series;
}

const logit = (score) => Math.log(score / (1 - score));

/** How often something unrelated would pass, in words. */
export function chanceWords(threshold, deviations) {
  const chance = tail(logit(Math.min(0.999999, Math.max(0.000001, threshold))) + deviations);
  if (chance > 0.4) return `${Math.round(chance * 10)} in 10`;
  const one = 1 / chance;
  const round = one < 20 ? Math.round(one) : Number(one.toPrecision(2));
  return `1 in ${round.toLocaleString("en")}`;
}

export class Sliders {
  /** changes: what differs from the profile; moved is called while something moves, and when it rests. */
  constructor(moved) {
    this.moved = moved;
    this.changes = {};
    this.settings = null;
    this.open = null;
    this.rest = later(250, () => this.moved(true));
    $("settings-reset").addEventListener("click", () => {
      this.changes = {};
      this.draw();
      this.moved(true);
    });
  }

  /** The answer's settings, which the sliders start from. */
  begin(settings, changes) {
    this.settings = settings;
    this.changes = changes;
    this.draw();
  }

  value(name) {
    return this.changes[name] ?? this.defaults[name];
  }

  strictness(key) {
    return this.changes.strictness?.[key] ?? 0;
  }

  setStrictness(key, value) {
    const strictness = { ...this.changes.strictness, [key]: Math.min(10, Math.max(-10, value)) };
    if (!value) delete strictness[key];
    this.set("strictness", Object.keys(strictness).length ? strictness : undefined);
  }

  set(name, value) {
    if (value === undefined || value === this.defaults[name]) delete this.changes[name];
    else this.changes[name] = value;
    this.changes = { ...this.changes };
    this.moved(false);
    this.rest();
  }

  /** All settings with the changes in them. */
  get current() {
    return { ...this.settings, ...this.defaults, ...this.changes, strictness: this.changes.strictness ?? {} };
  }

  setOpen(label) {
    this.open = label;
    this.draw();
  }

  draw() {
    if (!this.settings) return;
    const focus = document.activeElement?.id, sure = (key, words) => this.slider({
      id: `sure-${key}`, words, low: -3, high: 3, step: 0.1, value: this.strictness(key),
      shown: (value) => `by chance ${chanceWords(this.value("confidence_threshold"), value)}`,
      ends: ["find more", "be surer"], set: (value) => this.setStrictness(key, value),
    });
    $("sliders").replaceChildren(
      el("p", { class: "hint" }, "How often something unrelated would pass by chance:"),
      ...WORDS.map((word) => sure(word, word)),
      ...(this.open === null ? [el("p", { class: "hint" }, "Open a label to set how sure it must be.")] : [el("h3", {}, "Only ", el("bdi", { class: "label" }, this.open)), sure(this.open, "more or less than the others")]),
      this.slider({ id: "shortest", words: "Shortest event", low: 0, high: 10, step: 0.5, value: this.value("minimum_duration_seconds"), shown: (value) => `${value} s`, set: (value) => this.set("minimum_duration_seconds", value) }),
      this.slider({ id: "gap", words: "Gaps filled up to", low: 0, high: 10, step: 0.5, value: this.value("merge_gap_seconds"), shown: (value) => `${value} s`, set: (value) => this.set("merge_gap_seconds", value) }),
    );
    $("method-sliders").replaceChildren(...METHOD.map(([name, symbol, index, words, low, high, step]) => this.slider({ id: `method-${name}`, symbol, index, words, low, high, step, value: this.value(name), number: true, set: (value) => this.set(name, value) })));
    if (focus) $(focus)?.focus({ preventScroll: true });
  }

  slider({ id, symbol, index, words, low, high, step, value, shown, ends, number, set }) {
    const input = el("input", { type: "range", id, min: low, max: high, step: number ? "any" : step, value });
    const out = number ? el("input", { type: "number", min: low, max: high, step, value: Number(value.toFixed(4)), "aria-label": `${symbol}${index}, ${words}` }) : el("output", { for: id }, shown(value));
    const tell = (v) => {
      if (!number) {
        out.textContent = shown(v);
        input.setAttribute("aria-valuetext", shown(v));
      }
    };
    tell(value);
    input.addEventListener("input", () => {
      const v = number ? Math.round(input.value / step) * step : Number(input.value);
      if (number) out.value = Number(v.toFixed(4));
      tell(v);
      set(number ? Number(v.toFixed(4)) : v);
    });
    if (number) out.addEventListener("change", () => {
      const v = Math.min(high, Math.max(low, Number(out.value)));
      out.value = v;
      input.value = v;
      set(v);
    });
    return el("div", { class: "slider" }, el("label", { for: id }, ...(symbol ? [symbol, index && el("sub", {}, index), ", "] : []), words), out, input, ends ? el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, ends[0]), el("span", {}, ends[1])) : null);
  }
}
