/** The events as a table that is as long as they are and as heavy as what is visible: the canvas for those who cannot see or point. */

import { clock, el, name, swatch } from "./dom.js";
import { WORDS } from "./core.js";

const ROW = 30;
const HEADS = ["Start", "End", "Label", "Stream", "Score", "State"];

export class EventTable {
  constructor(box, { select, activate }) {
    this.box = box;
    this.events = [];
    this.selected = null;
    this.select = select;
    this.activate = activate;
    this.body = el("div", { role: "rowgroup" });
    box.replaceChildren(el("div", { class: "head", role: "row", "aria-rowindex": "1" }, ...HEADS.map((head) => el("span", { role: "columnheader" }, head))), this.body);
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    box.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  show(events) {
    this.events = events;
    this.box.setAttribute("aria-rowcount", String(events.length + 1));
    this.body.style.height = `${events.length * ROW}px`;
    this.draw();
  }

  mark(event) {
    this.selected = event;
    const at = this.events.indexOf(event);
    if (at >= 0) {
      const top = at * ROW, height = this.box.clientHeight - ROW;
      if (top < this.box.scrollTop || top + ROW > this.box.scrollTop + height) this.box.scrollTop = top - height / 2;
    }
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 4), last = Math.min(this.events.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + 4);
    this.body.replaceChildren(...this.events.slice(first, last).map((event, i) => this.row(event, first + i)));
    const chosen = this.events.indexOf(this.selected);
    if (chosen >= first && chosen < last) this.box.setAttribute("aria-activedescendant", `event-${chosen}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(event, at) {
    const cells = [clock(event.start, 2), clock(event.stop, 2), name(event.label), el("span", {}, swatch(event.stream), WORDS[event.stream]), Number.isFinite(event.score) && event.touched !== "added" ? event.score.toFixed(3) : "", stateWords(event)];
    const row = el("div", { class: "row", role: "row", id: `event-${at}`, "aria-rowindex": String(at + 2), "aria-selected": String(event === this.selected), onclick: () => this.select(event, true), ondblclick: () => this.activate(event) },
      ...cells.map((cell) => (typeof cell === "string" ? el("span", { role: "gridcell" }, cell) : el("span", { role: "gridcell", class: "label" }, cell))));
    row.style.top = `${(at + 1) * ROW}px`;
    return row;
  }

  /** The event before or after the selected one. */
  step(by) {
    if (!this.events.length) return;
    const at = this.events.indexOf(this.selected);
    this.select(this.events[Math.min(this.events.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : this.events.length - 1) : at + by))], true);
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };
    if (event.key in steps) {
      event.preventDefault();
      event.stopPropagation();
      this.step(steps[event.key]);
    }
  }
}

export function stateWords(event) {
  if (event.rejected) return "not confirmed";
  if (event.touched) return event.touched;
  return event.derived ? "by agreement" : event.preview ? "preview" : "";
}
