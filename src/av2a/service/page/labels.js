/** The field of labels: commas or lines, suggestions while typing, earlier lists. */

import { $, el } from "./dom.js";

/** Labels of a text: separated by commas or lines, each once; a comma within quotes is part of a label. */
export function parseLabels(text) {
  const found = new Set();
  for (const match of text.matchAll(/\s*"((?:[^"]|"")*)"\s*(?=,|\n|$)|([^,\n]+)/g)) {
    const label = (match[1] === undefined ? match[2] : match[1].replaceAll('""', '"')).trim().replace(/\s+/g, " ");
    if (label) found.add(label);
  }
  return [...found];
}

/** Labels as a text that reads back as them. */
export const writtenLabels = (labels) => labels.map((label) => (/[,"\n]/.test(label) ? `"${label.replaceAll('"', '""')}"` : label)).join(", ");

export class LabelField {
  constructor(state, go) {
    this.state = state;
    this.text = $("labels-text");
    this.list = $("labels-suggested");
    this.at = -1;
    $("labels-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.hide();
      go(parseLabels(this.text.value));
    });
    this.text.addEventListener("input", () => this.suggest());
    this.text.addEventListener("blur", () => setTimeout(() => this.hide(), 150));
    this.text.addEventListener("keydown", (event) => this.key(event));
    $("labels-earlier").addEventListener("change", () => {
      const list = this.state.lists[Number($("labels-earlier").value)];
      if (list) this.set(list);
    });
  }

  set(labels) {
    this.text.value = writtenLabels(labels);
  }

  get labels() {
    return parseLabels(this.text.value);
  }

  lists() {
    const words = (list) => (list.join(", ").length > 60 ? `${list.join(", ").slice(0, 58)}…` : list.join(", "));
    $("labels-earlier").replaceChildren(el("option", { value: "" }, "choose"), ...this.state.lists.map((list, i) => el("option", { value: String(i) }, words(list))));
    $("labels-earlier").parentElement.hidden = !this.state.lists.length;
  }

  /** The label that is being typed: from the last comma or line to the caret. */
  word() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    const start = Math.max(before.lastIndexOf(","), before.lastIndexOf("\n")) + 1;
    return { start, word: before.slice(start).trim().toLowerCase() };
  }

  suggest() {
    const { word } = this.word(), has = new Set(word ? this.labels.map((label) => label.toLowerCase()) : []);
    const known = [...new Set([...this.state.lists.flat(), ...this.state.suggestions, ...[...this.state.videos.values()].flatMap((video) => Object.keys(video.found))])];
    const fits = word ? known.filter((label) => label.toLowerCase().includes(word) && !has.has(label.toLowerCase())).slice(0, 8) : [];
    this.at = -1;
    this.list.replaceChildren(...fits.map((label, i) => el("li", { role: "option", id: `suggested-${i}`, "aria-selected": "false", onmousedown: (event) => (event.preventDefault(), this.take(label)) }, el("bdi", {}, label))));
    this.list.hidden = !fits.length;
    this.text.removeAttribute("aria-activedescendant");
  }

  hide() {
    this.list.hidden = true;
    this.text.removeAttribute("aria-activedescendant");
  }

  take(label) {
    const { start } = this.word(), caret = this.text.selectionStart, value = this.text.value;
    const written = `${start ? " " : ""}${writtenLabels([label])}, `;
    this.text.value = value.slice(0, start) + written + value.slice(caret).replace(/^[\s,]+/, "");
    this.text.selectionStart = this.text.selectionEnd = start + written.length;
    this.hide();
    this.text.focus();
  }

  key(event) {
    const options = this.list.hidden ? [] : [...this.list.children];
    if (options.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
      options.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.at)));
      this.text.setAttribute("aria-activedescendant", `suggested-${this.at}`);
    } else if (options.length && this.at >= 0 && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      this.take(options[this.at].textContent);
    } else if (event.key === "Escape" && options.length) {
      event.stopPropagation();
      this.hide();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || !event.shiftKey)) {
      event.preventDefault();
      $("labels-form").requestSubmit();
    }
  }
}
