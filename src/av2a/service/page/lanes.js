/** The lanes on a canvas: a ruler, a waveform, three thin lanes for each label, and the playhead on a canvas above.
 *
 * The names beside the canvas are buttons that scroll with it. Nothing is drawn unless something changed or the video plays.
 */

import { WORDS } from "./core.js";
import { clock, el } from "./dom.js";
import { Found } from "./found.js";
import { Strip } from "./strip.js";

const RULER = 22, WAVE = 34, LANE = 9, GAP = 2, PAD = 5, CHART = 48, EDGE = 6, NARROW = 5;
export const ROW = 3 * LANE + 2 * GAP + 2 * PAD;
export const TOP = RULER + WAVE;
const SHORTEST_VIEW = 1;

export class Lanes {
  /** board: the scrolling element with .names and .canvases in it; handlers: seek, select, open, changed. */
  constructor(board, handlers) {
    this.board = board;
    this.handlers = handlers;
    this.names = board.querySelector(".names");
    this.holder = board.querySelector(".canvases");
    [this.canvas, this.top] = this.holder.querySelectorAll("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.topContext = this.top.getContext("2d");
    this.rows = [];
    this.found = this.rejected = new Found([]);
    this.byRow = new Map();
    // Both are kept, as asking for them while drawing makes the browser lay the page out.
    this.width = 1;
    this.scrolled = board.scrollTop;
    this.duration = 1;
    this.view = [0, 1];
    this.time = 0;
    this.open = -1;
    this.chart = null;
    this.peaks = null;
    this.shown = [true, true, true];
    this.showRejected = true;
    this.selected = null;
    this.strip = new Strip();
    this.drag = null;
    this.pointers = new Map();
    this.dirty = false;
    this.waits = 0;
    this.playing = () => false;
    this.frames = { count: 0, busy: 0, longest: 0 };
    this.looks = null;
    new ResizeObserver(() => this.resize()).observe(this.holder);
    board.addEventListener("scroll", () => this.touch((this.scrolled = board.scrollTop)), { passive: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.touch((this.looks = this.drawnTop = null)));
    this.holder.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "dblclick", "pointerleave"])
      this.holder.addEventListener(kind, (event) => this[kind](event));
    this.touch();
  }

  touch() {
    this.dirty = true;
    this.touchTop();
  }

  /** Only the canvas above is drawn anew. */
  touchTop() {
    if (!this.waits) this.waits = requestAnimationFrame(() => this.frame());
  }

  frame() {
    const began = performance.now(), goesOn = this.playing();
    if (this.dirty) this.draw();
    this.drawTop();
    this.dirty = false;
    this.waits = 0;
    if (goesOn) this.touchTop();
    const busy = performance.now() - began;
    this.frames.count += 1;
    this.frames.busy += busy;
    this.frames.longest = Math.max(this.frames.longest, busy);
  }

  resize() {
    const ratio = devicePixelRatio || 1, { clientWidth, clientHeight } = this.holder;
    this.width = clientWidth;
    for (const canvas of [this.canvas, this.top]) {
      canvas.width = Math.max(1, Math.round(clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    }
    this.drawnTop = null;
    this.touch();
  }

  /** Another video. */
  reset(duration) {
    this.duration = duration;
    this.view = [0, duration];
    this.selected = null;
    this.peaks = this.chart = null;
    this.open = -1;
    this.handlers.viewed(this.view);
    this.touch();
  }

  /** rows: { label, count, note, limit, title } in the order shown; found, rejected: events of each lane (found.js). */
  show(rows, found, rejected) {
    const same = rows.length === this.rows.length && rows.every((row, i) => row.label === this.rows[i].label);
    this.rows = rows;
    this.found = found;
    this.rejected = rejected;
    this.byRow = new Map(rows.map((row, i) => [row.label, i]));
    if (same) this.updateNames();
    else this.drawNames();
    this.touch();
  }

  drawNames() {
    const focus = document.activeElement?.dataset?.row;
    this.names.replaceChildren(
      ...this.rows.map((row, i) =>
        el("button", { class: `name${i === this.open ? " open" : ""}${row.count ? "" : " none"}${row.limit ? " limited" : ""}`, type: "button", "data-row": i, "aria-expanded": String(i === this.open), title: row.title ?? row.label, onclick: () => this.handlers.open(row.label) },
          el("bdi", { class: "label" }, row.label), row.limit && el("small", { class: "limit" }, row.limit), ...(i === this.open ? this.captions() : []), el("small", {}, row.note)),
      ),
    );
    this.placeNames();
    if (focus !== undefined) this.names.querySelector(`[data-row="${focus}"]`)?.focus({ preventScroll: true });
  }

  /** Beside the charts of the opened label, so that nothing covers their lines. */
  captions() {
    const placed = (words, y) => {
      const caption = el("small", { class: "caption", "aria-hidden": "true" }, words);
      caption.style.top = `${y}px`;
      return caption;
    };
    return [...WORDS.map((word, stream) => placed(word, ROW + stream * CHART + 4)), placed("dashed: its threshold", ROW + CHART - 22)];
  }

  /** The same labels with other numbers: while a slider moves nothing is laid out anew. */
  updateNames() {
    this.rows.forEach((row, i) => {
      const button = this.names.children[i], note = button.lastChild;
      if (note.textContent !== row.note) note.textContent = row.note;
      button.classList.toggle("none", !row.count);
    });
  }

  placeNames() {
    [...this.names.children].forEach((button, i) => (button.style.height = `${this.heightOf(i)}px`));
    // The board is as high as its lanes, within what style.css allows.
    this.board.style.setProperty("--lanes", `${TOP + this.rows.reduce((sum, _, i) => sum + this.heightOf(i), 0) + 2}px`);
  }

  setOpen(label) {
    const row = label === null ? -1 : (this.byRow.get(label) ?? -1);
    this.open = row;
    if (row < 0) this.chart = null;
    this.drawNames();
    this.touch();
  }

  heightOf(row) {
    return ROW + (row === this.open ? 3 * CHART + PAD : 0);
  }

  /** Where a row begins within the canvas as it is scrolled now. */
  topOf(row) {
    return TOP + row * ROW + (this.open >= 0 && row > this.open ? 3 * CHART + PAD : 0) - this.scrolled;
  }

  x(seconds) {
    return ((seconds - this.view[0]) / (this.view[1] - this.view[0])) * this.width;
  }

  seconds(x) {
    return this.view[0] + (x / this.width) * (this.view[1] - this.view[0]);
  }

  // Zoom and pan.

  setView(start, stop) {
    const length = Math.min(this.duration, Math.max(Math.min(SHORTEST_VIEW, this.duration), stop - start));
    const from = Math.min(Math.max(0, start), this.duration - length);
    this.view = [from, from + length];
    this.handlers.viewed(this.view);
    this.touch();
  }

  zoom(factor, at = (this.view[0] + this.view[1]) / 2) {
    const [start, stop] = this.view;
    const length = Math.min(this.duration, Math.max(Math.min(SHORTEST_VIEW, this.duration), (stop - start) * factor));
    const share = (at - start) / (stop - start);
    this.setView(at - share * length, at + (1 - share) * length);
  }

  pan(share) {
    const shift = (this.view[1] - this.view[0]) * share;
    this.setView(this.view[0] + shift, this.view[1] + shift);
  }

  fit(start = 0, stop = this.duration) {
    const margin = (stop - start) * 0.15 * (start > 0 || stop < this.duration ? 1 : 0);
    this.setView(start - margin, stop + margin);
  }

  /** Keep a time in view. */
  reveal(seconds) {
    if (seconds < this.view[0] || seconds > this.view[1]) {
      const length = this.view[1] - this.view[0];
      this.setView(seconds - length * 0.1, seconds + length * 0.9);
    }
  }

  wheel(event) {
    if (event.altKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const delta = (event.deltaX || event.deltaY) * unit;
      this.pan(delta / this.width);
    } else {
      const strength = event.ctrlKey ? 0.01 : 0.0015;
      this.zoom(Math.exp(event.deltaY * unit * strength), this.seconds(this.place(event).x));
    }
  }

  // Pointer.

  place(event) {
    const box = this.holder.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** What lies at a place: a row, a stream, and an event with the edge that is near. */
  hit({ x, y }) {
    if (y < TOP) return {};
    for (let row = this.firstRow(); row < this.rows.length; row++) {
      const top = this.topOf(row);
      if (top > y) break;
      if (y >= top + this.heightOf(row)) continue;
      const stream = Math.min(2, Math.max(0, Math.floor((y - top - PAD) / (LANE + GAP))));
      if (y > top + ROW) return { row };
      const near = (event) => x >= this.x(event.start) - EDGE && x <= this.x(event.stop) + EDGE;
      const { label } = this.rows[row];
      const event = this.shown[stream] ? this.found.of(label, stream).findLast(near) : undefined;
      const mark = event || !this.showRejected || !this.shown[stream] ? undefined : this.rejected.of(label, stream).findLast(near);
      const wide = event && this.x(event.stop) - this.x(event.start) > 3 * EDGE;
      const edge = !event ? null : Math.abs(x - this.x(event.start)) <= EDGE ? "start" : Math.abs(x - this.x(event.stop)) <= EDGE ? "stop" : null;
      return { row, stream, event, mark, edge: wide || event === this.selected ? edge : null };
    }
    return {};
  }

  pointerdown(event) {
    if (event.button !== 0) return;
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    this.holder.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) {
      this.drag = { kind: "pinch", view: [...this.view], points: [...this.pointers.values()].map((each) => ({ ...each })) };
      return;
    }
    const hit = this.hit(at);
    if (hit.edge && event.pointerType !== "touch") {
      this.drag = { kind: "edge", edge: hit.edge, event: hit.event, from: at, value: hit.event[hit.edge], before: { ...hit.event } };
      this.handlers.select(hit.event);
    } else {
      this.drag = { kind: "press", from: at, view: [...this.view], hit, moved: false, touch: event.pointerType === "touch" };
    }
  }

  pointermove(event) {
    const at = this.place(event), drag = this.drag;
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, at);
    if (!drag) {
      const hit = this.hit(at);
      this.holder.style.cursor = hit.edge ? "ew-resize" : hit.event || hit.mark ? "pointer" : at.y < TOP ? "col-resize" : "crosshair";
      this.hover = hit.event ?? hit.mark ?? null;
      this.touchTop();
      return;
    }
    if (drag.kind === "pinch") {
      const [a, b] = [...this.pointers.values()], [p, q] = drag.points, width = this.width, length = drag.view[1] - drag.view[0];
      const first = drag.view[0] + (p.x / width) * length, second = drag.view[0] + (q.x / width) * length;
      const perPixel = Math.max(Math.abs(second - first) / Math.max(20, Math.abs(b.x - a.x)), 1e-6);
      const middle = (first + second) / 2, start = middle - ((a.x + b.x) / 2) * perPixel;
      this.setView(start, start + width * perPixel);
    } else if (drag.kind === "edge") {
      let value = this.seconds(at.x);
      if (!event.altKey) value = this.handlers.snap(value);
      const { before, edge } = drag, least = 0.05;
      value = edge === "start" ? Math.min(Math.max(0, value), before.stop - least) : Math.max(Math.min(this.duration, value), before.start + least);
      drag.event[edge] = value;
      this.touch();
    } else {
      drag.moved ||= Math.hypot(at.x - drag.from.x, at.y - drag.from.y) > 4;
      if (drag.moved && drag.from.y < TOP && !drag.touch) this.handlers.seek(this.bounded(this.seconds(at.x)));
      else if (drag.moved) {
        const shift = ((drag.from.x - at.x) / this.width) * (drag.view[1] - drag.view[0]);
        this.setView(drag.view[0] + shift, drag.view[1] + shift);
      }
    }
  }

  pointerup(event) {
    const drag = this.drag;
    this.pointers.delete(event.pointerId);
    if (this.pointers.size) return;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "edge") {
      const { before, event: moved } = drag;
      if (before.start !== moved.start || before.stop !== moved.stop) {
        const after = { ...moved };
        Object.assign(moved, { start: before.start, stop: before.stop });
        this.handlers.changed(moved, after);
      }
    } else if (drag.kind === "press" && !drag.moved) {
      this.handlers.seek(this.bounded(this.seconds(drag.from.x)));
      this.handlers.select(drag.hit.event ?? drag.hit.mark ?? null);
      if (drag.hit.row !== undefined && !drag.hit.event && !drag.hit.mark) this.handlers.pick?.(this.rows[drag.hit.row].label);
    }
  }

  pointercancel(event) {
    this.pointers.delete(event.pointerId);
    if (this.drag?.kind === "edge") Object.assign(this.drag.event, { start: this.drag.before.start, stop: this.drag.before.stop });
    this.drag = null;
    this.touch();
  }

  pointerleave() {
    this.hover = null;
    this.touchTop();
  }

  dblclick(event) {
    const hit = this.hit(this.place(event));
    if (hit.event ?? hit.mark) this.fit((hit.event ?? hit.mark).start, (hit.event ?? hit.mark).stop);
    else this.fit();
  }

  bounded(seconds) {
    return Math.min(this.duration, Math.max(0, seconds));
  }

  firstRow() {
    const extra = this.open >= 0 ? 3 * CHART + PAD : 0;
    return Math.max(0, Math.floor((this.scrolled - extra) / ROW) - 1);
  }

  // Drawing.

  ink() {
    if (this.looks) return this.looks;
    const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
    const ratio = devicePixelRatio || 1;
    const pattern = (size, paint) => {
      const tile = document.createElement("canvas");
      tile.width = tile.height = size * ratio;
      const context = tile.getContext("2d");
      context.scale(ratio, ratio);
      paint(context);
      const made = this.context.createPattern(tile, "repeat");
      made.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
      return made;
    };
    const paper = of("--paper"), pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    // A preview is pale: its colours are mixed with the paper once, which is quicker than drawing all of it half transparent.
    const mixed = (colour, alpha) => {
      for (const [share, each] of [[1, paper], [alpha, colour]]) {
        pixel.globalAlpha = share;
        pixel.fillStyle = each;
        pixel.fillRect(0, 0, 1, 1);
      }
      return pixel.getImageData(0, 0, 1, 1).data;
    };
    const pale = (colour) => `rgb(${mixed(colour, 0.55).subarray(0, 3).join(" ")})`, number = (colour) => new Uint32Array(mixed(colour, 1).buffer)[0];
    const look = (line, tint, paint) => ({ line, tint, number: number(line), fill: paint ? pattern(6, (c) => {
      c.fillStyle = tint;
      c.fillRect(0, 0, 6, 6);
      paint(c, line);
    }) : line });
    const stream = (kind, paint) => {
      const line = of(`--${kind}`), tint = of(`--${kind}-tint`);
      return { ...look(line, tint, paint), pale: look(pale(line), pale(tint), paint) };
    };
    const stripes = (c, colour) => {
      c.strokeStyle = colour;
      c.lineWidth = 1.8;
      c.beginPath();
      for (const shift of [-6, 0, 6]) c.moveTo(shift - 1, 7), c.lineTo(shift + 7, -1);
      c.stroke();
    };
    const dots = (c, colour) => {
      c.fillStyle = colour;
      for (const [x, y] of [[1.5, 1.5], [4.5, 4.5]]) c.beginPath(), c.arc(x, y, 1.05, 0, 7), c.fill();
    };
    return (this.looks = {
      streams: [stream("audio", stripes), stream("visual", dots), stream("audio_visual", null)],
      ink: of("--ink"), muted: of("--muted"), mutedNumber: number(of("--muted")), rule: of("--rule"), paper: of("--paper"), raised: of("--raised"), accent: of("--accent"),
      ...Object.fromEntries(Object.entries({ font: 12, middling: 10, small: 9 }).map(([called, size]) => [called, `${size}px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif`])),
    });
  }

  begin(context, canvas, paper) {
    const ratio = devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = paper;
    if (paper) context.fillRect(0, 0, canvas.width, canvas.height);
    else context.clearRect(0, 0, canvas.width, canvas.height);
    return [canvas.width / ratio, canvas.height / ratio];
  }

  draw() {
    const c = this.context, looks = this.ink(), [width, height] = this.begin(c, this.canvas, looks.paper);
    c.font = looks.font;
    c.save();
    c.beginPath();
    c.rect(0, TOP, width, height - TOP);
    c.clip();
    const wide = [];
    this.strip.begin(width, this.canvas.width / width, 3 * (Math.ceil(height / ROW) + 2));
    for (let row = this.firstRow(); row < this.rows.length; row++) {
      const top = this.topOf(row);
      if (top > height) break;
      if (top + this.heightOf(row) < TOP) continue;
      this.drawRow(c, looks, row, top, width, wide);
    }
    this.strip.draw(c, LANE);
    for (const { stream, y, hollow, found } of wide) {
      this.drawHollow(c, looks, hollow, y);
      this.drawFound(c, looks, stream, found, y);
    }
    c.restore();
    this.drawRuler(c, looks, width, height);
    this.drawWave(c, looks, width);
  }

  /** A row's frame and chart; narrow bars go to the strip, and what is wide is added to the list. */
  drawRow(c, looks, row, top, width, wide) {
    c.fillStyle = looks.rule;
    c.fillRect(0, Math.round(top + this.heightOf(row)) - 1, width, 1);
    const { label } = this.rows[row];
    for (let stream = 0; stream < 3; stream++) {
      if (!this.shown[stream]) continue;
      const y = Math.round(top + PAD + stream * (LANE + GAP)), look = looks.streams[stream];
      this.strip.lane(y);
      const hollow = this.showRejected ? this.wideOnes(this.rejected.of(label, stream), width, () => looks.mutedNumber, 1) : [];
      wide.push({ stream, y, hollow, found: this.wideOnes(this.found.of(label, stream), width, ({ preview }) => (preview ? look.pale : look).number) });
    }
    if (row === this.open) this.drawChart(c, looks, top + ROW, width);
  }

  /** Those of a lane that the view shows, as [event, left, right] in whole pixels; the narrow ones become bars of the strip.
   *
   * A pattern or an outline needs some width to be seen, and many bars within one column look like one.
   */
  wideOnes(events, width, colourOf, narrow = Infinity) {
    const [start, stop] = this.view, scale = width / (stop - start), wide = [];
    let edge = -1;
    for (const event of events) {
      if (event.stop < start || event.start > stop) continue;
      const left = Math.max(-2, Math.round((event.start - start) * scale)), right = Math.min(width + 2, Math.max(left + 2, Math.round((event.stop - start) * scale)));
      if (right - left <= 2 && right <= edge) continue;
      edge = Math.max(edge, right);
      if (right - left > NARROW || event.touched) wide.push([event, left, right]);
      else this.strip.bar(left, Math.min(right, left + narrow), colourOf(event));
    }
    return wide;
  }

  drawFound(c, looks, stream, found, y) {
    c.lineWidth = 1;
    c.strokeStyle = looks.streams[stream].line;
    for (const [event, left, right] of found) {
      const look = event.preview ? looks.streams[stream].pale : looks.streams[stream];
      c.fillStyle = event.derived ? look.tint : look.fill;
      c.fillRect(left, y, right - left, LANE);
      // Dashes are slow to draw, and cannot be told apart on a narrow bar.
      const isDashed = event.preview && right - left > 8;
      if (isDashed) c.setLineDash([2, 2]);
      c.strokeRect(left + 0.5, y + 0.5, right - left - 1, LANE - 1);
      if (isDashed) c.setLineDash([]);
    }
    c.fillStyle = looks.ink;
    for (const [event, left, right] of found) if (event.touched) c.fillRect(left, y + LANE - 1, right - left, 2);
  }

  drawHollow(c, looks, found, y) {
    c.strokeStyle = c.fillStyle = looks.muted;
    c.lineWidth = 1;
    const wide = found.filter(([, left, right]) => right - left > 8);
    for (const [, left, right] of found) if (right - left <= 8) c.strokeRect(left + 0.5, y + 0.5, right - left - 1, LANE - 1);
    if (!wide.length) return;
    c.setLineDash([3, 2]);
    for (const [, left, right] of wide) c.strokeRect(left + 0.5, y + 0.5, right - left - 1, LANE - 1);
    c.setLineDash([]);
    c.font = looks.small;
    c.textBaseline = "middle";
    for (const [mark, left, right] of wide) if (right - left > 40 && mark.score !== null) {
      const words = mark.score.toFixed(3), x = Math.max(2, left + 5);
      c.fillStyle = looks.paper;
      c.fillRect(x - 2, y, c.measureText(words).width + 4, LANE);
      c.fillStyle = looks.muted;
      c.fillText(words, x, y + LANE / 2 + 0.5);
    }
    c.font = looks.font;
  }

  /** The opened label's scores against their moving thresholds, the lowest and highest of each column of pixels. */
  drawChart(c, looks, top, width) {
    if (!this.chart) return;
    const [start, stop] = this.view, each = this.chart.segmentSeconds, scale = width / (stop - start);
    for (let stream = 0; stream < 3; stream++) {
      const y = Math.round(top + stream * CHART), high = CHART - 10, look = looks.streams[stream], at = (v) => y + 4 + (1 - v) * high;
      const { scores, thresholds } = this.chart.streams[stream] ?? {};
      c.fillStyle = looks.raised;
      c.fillRect(0, y + 2, width, CHART - 6);
      if (!scores) continue;
      const first = Math.max(0, Math.floor(start / each)), last = Math.min(scores.length, Math.ceil(stop / each)), perPixel = (last - first) / width;
      c.strokeStyle = look.line;
      c.fillStyle = look.line;
      c.lineWidth = 1.4;
      c.beginPath();
      if (perPixel <= 1) {
        let pen = false;
        for (let t = first; t < last; t++) {
          if (Number.isNaN(scores[t])) {
            pen = false;
            continue;
          }
          const left = (t * each - start) * scale, right = ((t + 1) * each - start) * scale;
          if (pen) c.lineTo(left, at(scores[t]));
          else c.moveTo(left, at(scores[t]));
          c.lineTo(right, at(scores[t]));
          pen = true;
        }
      } else {
        for (let x = 0; x < width; x++) {
          const from = Math.floor(first + x * perPixel), to = Math.min(last, Math.max(from + 1, Math.floor(first + (x + 1) * perPixel)));
          let low = 2, top = -1;
          for (let t = from; t < to; t++) if (scores[t] < low || scores[t] > top) low = Math.min(low, scores[t]), top = Math.max(top, scores[t]);
          if (top >= 0) c.moveTo(x + 0.5, at(low) + 0.7), c.lineTo(x + 0.5, at(top) - 0.7);
        }
      }
      c.stroke();
      if (!thresholds) {
        this.chartWords(c, looks, "not looked for: below the selection threshold in every window", y);
        continue;
      }
      c.strokeStyle = looks.ink;
      c.lineWidth = 1;
      c.setLineDash([4, 3]);
      c.beginPath();
      const step = Math.max(1, Math.floor(perPixel));
      for (let t = first; t < last; t += step) {
        const left = (t * each - start) * scale, right = ((t + step) * each - start) * scale;
        if (t === first) c.moveTo(left, at(thresholds[t]));
        else c.lineTo(left, at(thresholds[t]));
        c.lineTo(right, at(thresholds[t]));
      }
      c.stroke();
      c.setLineDash([]);
    }
  }

  chartWords(c, looks, words, y) {
    c.font = looks.middling;
    c.textBaseline = "top";
    const { width } = c.measureText(words);
    c.fillStyle = looks.paper;
    c.globalAlpha = 0.8;
    c.fillRect(3, y + 4, width + 6, 13);
    c.globalAlpha = 1;
    c.fillStyle = looks.muted;
    c.fillText(words, 6, y + 5);
    c.font = looks.font;
  }

  drawRuler(c, looks, width, height) {
    const [start, stop] = this.view, length = stop - start;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((each) => (each / length) * width >= 64) ?? 14400;
    c.fillStyle = looks.paper;
    c.fillRect(0, 0, width, RULER);
    c.fillStyle = looks.muted;
    c.textBaseline = "middle";
    c.textAlign = "center";
    for (let n = Math.ceil(start / step); n * step <= stop; n++) {
      const x = this.x(n * step), words = clock(n * step, step < 1 ? 1 : 0), half = c.measureText(words).width / 2;
      c.globalAlpha = 0.5;
      c.fillRect(Math.round(x), RULER - 5, 1, 5);
      c.globalAlpha = 0.12;
      c.fillRect(Math.round(x), TOP, 1, height - TOP);
      c.globalAlpha = 1;
      c.fillText(words, Math.min(width - half - 2, Math.max(half + 2, x)), RULER / 2 - 1);
    }
    c.textAlign = "start";
  }

  drawWave(c, looks, width) {
    c.fillStyle = looks.raised;
    c.fillRect(0, RULER, width, WAVE);
    c.fillStyle = looks.rule;
    c.fillRect(0, TOP - 1, width, 1);
    const middle = RULER + WAVE / 2, half = WAVE / 2 - 3;
    if (!this.peaks) {
      c.fillStyle = looks.muted;
      c.textBaseline = "middle";
      if (this.silent) c.fillText("no sound in this file", 8, middle);
      return;
    }
    c.fillStyle = looks.muted;
    c.fillRect(0, Math.round(middle), width, 1);
    const { low, high } = this.waveColumns(Math.ceil(width));
    for (let x = 0; x < low.length; x++) if (high[x] > low[x]) {
      const top = Math.round(middle - (high[x] / 127) * half);
      c.fillRect(x, top, 1, Math.max(1, Math.round(middle - (low[x] / 127) * half) - top));
    }
  }

  /** The lowest and highest sample of each column of pixels, kept while the view is the same. */
  waveColumns(width) {
    const { values, perSecond } = this.peaks, [start, stop] = this.view, key = `${start} ${stop} ${width}`;
    if (this.peaks.key === key) return this.peaks.columns;
    const low = new Int8Array(width), high = new Int8Array(width), perPixel = ((stop - start) * perSecond) / width, count = values.length >> 1;
    for (let x = 0; x < width; x++) {
      const from = Math.floor(start * perSecond + x * perPixel), to = Math.min(count, Math.max(from + 1, Math.floor(start * perSecond + (x + 1) * perPixel)));
      let least = 0, most = 0;
      for (let i = from; i < to; i++) {
        if (values[2 * i] < least) least = values[2 * i];
        if (values[2 * i + 1] > most) most = values[2 * i + 1];
      }
      low[x] = least;
      high[x] = most;
    }
    Object.assign(this.peaks, { key, columns: { low, high } });
    return this.peaks.columns;
  }

  drawTop() {
    const { selected, hover } = this, x = this.x(this.time), isThere = x >= -1 && x <= this.width + 1;
    const box = selected && this.byRow.has(selected.label) ? [this.x(selected.start), this.x(selected.stop), Math.round(this.topOf(this.byRow.get(selected.label)) + PAD + selected.stream * (LANE + GAP))] : null;
    const hint = hover && !this.drag ? [this.topOf(this.byRow.get(hover.label)), this.x(hover.start), hover.stop, hover.stream, hover.score, hover.rejected] : null;
    // Often nothing of it is in view, or nothing has moved: then this canvas is left as it is.
    const drawn = JSON.stringify([this.top.width, this.top.height, isThere && Math.round(4 * x), box, hint]);
    if (drawn === this.drawnTop) return;
    this.drawnTop = drawn;
    const c = this.topContext, looks = this.ink(), [width, height] = this.begin(c, this.top);
    if (box) {
      const [left, right, y] = box;
      if (y > TOP - LANE) {
        c.strokeStyle = looks.ink;
        c.lineWidth = 2;
        c.strokeRect(left - 1, Math.max(TOP, y - 2), Math.max(4, right - left + 2), LANE + 4);
        c.fillStyle = looks.ink;
        for (const edge of [left, right]) c.fillRect(edge - 2, y - 3, 4, LANE + 6);
      }
    }
    if (isThere) {
      c.fillStyle = looks.accent;
      c.fillRect(Math.round(x) - 0.75, RULER - 6, 1.5, height);
      c.beginPath();
      c.moveTo(x - 5, RULER - 8), c.lineTo(x + 5, RULER - 8), c.lineTo(x, RULER), c.fill();
    }
    if (hint) this.drawHint(c, looks, width);
  }

  drawHint(c, looks, width) {
    const { label, stream, start, stop, score, rejected, derived, preview } = this.hover;
    const number = score === null || score === undefined || !Number.isFinite(score) ? "" : ` · ${score.toFixed(3)}`;
    const why = rejected ? " · rejected" : derived ? " · because heard, seen and both agree" : preview ? " · preview" : "";
    const words = `${WORDS[stream]} ${clock(start, 2)}–${clock(stop, 2)}${number}${why}`;
    const row = this.byRow.get(label);
    if (row === undefined) return;
    c.font = looks.font;
    const long = c.measureText(words).width + 12, y = Math.max(TOP + 2, this.topOf(row) + ROW - 3), x = Math.min(width - long - 4, Math.max(4, this.x(start)));
    c.fillStyle = looks.ink;
    c.globalAlpha = 0.92;
    c.fillRect(x, y, long, 20);
    c.globalAlpha = 1;
    c.fillStyle = looks.paper;
    c.textBaseline = "middle";
    c.fillText(words, x + 6, y + 10.5);
  }
}
