"use strict";
(() => {
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const result = JSON.parse(find("result").textContent);
  const { duration_seconds: duration, segment_seconds: segment } = result.grid;
  const words = { audio: "heard", visual: "seen", audio_visual: "both" };
  const media = document.querySelector("video, audio");
  const [pane, timeline, position] = ["pane", "timeline", "position"].map(find);
  const eventRows = new Map(all("tr[data-event]").map((row) => [Number(row.dataset.event), row]));
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200];
  const [BINS, LEVELS, MENTIONED, WIDEST_PIXELS, SEGMENT_PIXELS] = [400, 5, 4, 60000, 48];
  let [at, zoom, frame, playing] = [0, 1, 0, new Set()];
  const knob = Object.assign(document.createElement("i"), { className: "knob" });
  // Only the cursors that are on screen move.
  const cursors = new Set();
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) cursors[isIntersecting ? "add" : "delete"](target);
    for (const cursor of cursors) cursor.style.left = percent(at);
  });
  root.classList.add("scripted");

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const clock = (seconds, decimals) => {
    const tenths = Math.floor(seconds * 10 + 1e-6);
    const pad = (value) => String(value).padStart(2, "0");
    const [hour, minute] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
    const rest = decimals || tenths % 10 ? `.${tenths % 10}` : "";
    return `${hour ? `${hour}:${pad(minute)}` : minute}:${pad(Math.floor(tenths / 10) % 60)}${rest}`;
  };
  const percent = (seconds) => `${((100 * seconds) / duration).toFixed(4)}%`;
  const short = (label) => (label.length > 60 ? `${label.slice(0, 59)}…` : label);

  // The position.

  const show = (seconds) => {
    at = clamp(seconds, 0, duration);
    for (const mark of [knob, find("playhead"), ...cursors]) mark.style.left = percent(at);
    find("clock").textContent = clock(at, true);
    position.setAttribute("aria-valuenow", at.toFixed(2));
    position.setAttribute("aria-valuetext", clock(at, true));
    const current = new Set();
    result.events.forEach((event, index) => event.start <= at && at < event.end && current.add(index));
    if (current.size === playing.size && [...current].every((index) => playing.has(index))) return;
    for (const index of playing) if (!current.has(index)) eventRows.get(index).classList.remove("playing");
    for (const index of current) if (!playing.has(index)) eventRows.get(index).classList.add("playing");
    playing = current;
    find("now").textContent = happening([...current].map((index) => result.events[index]));
  };

  const happening = (events) => {
    const modalities = new Map();
    for (const { label, modality } of events) modalities.set(label, (modalities.get(label) || new Set()).add(modality));
    const labels = result.labels.filter((label) => modalities.has(label));
    const how = (label) => Object.keys(words).filter((each) => modalities.get(label).has(each)).map((each) => words[each]);
    const mentioned = labels.slice(0, MENTIONED).map((label) => `${short(label)} (${how(label).join(", ")})`);
    return mentioned.join(", ") + (labels.length > MENTIONED ? ` and ${labels.length - MENTIONED} more` : "");
  };

  const seek = (seconds) => {
    show(seconds);
    if (media) media.currentTime = at;
  };

  const seekAndReveal = (seconds) => {
    seek(seconds);
    reveal();
  };

  const play = () => media && media.play().catch(() => {});

  const follow = () => {
    cancelAnimationFrame(frame);
    show(media.currentTime);
    if (media.paused || media.ended) return;
    reveal();
    if (!still.matches) frame = requestAnimationFrame(follow);
  };

  const secondsAt = (area, pointer) => {
    const box = area.getBoundingClientRect();
    return ((pointer.clientX - box.left) / box.width) * duration;
  };

  // Zoom: the tracks grow wider, and the pane scrolls.

  const trackWidth = () => position.getBoundingClientRect().width;
  const sideWidth = () => timeline.getBoundingClientRect().width - trackWidth();

  const reveal = () => {
    const [left, seen] = [(at / duration) * trackWidth() - pane.scrollLeft, pane.clientWidth - sideWidth()];
    if (zoom > 1 && (left < 0 || left > seen)) pane.scrollLeft += left - seen / 8;
  };

  const setZoom = (wanted) => {
    const width = trackWidth() / zoom;
    const most = Math.min(WIDEST_PIXELS, (duration / segment) * SEGMENT_PIXELS) / width;
    const left = (at / duration) * trackWidth() - pane.scrollLeft;
    const inside = left >= -1 && left <= pane.clientWidth - sideWidth() + 1;
    const anchor = inside ? at : ((pane.scrollLeft + (pane.clientWidth - sideWidth()) / 2) / trackWidth()) * duration;
    const offset = (anchor / duration) * trackWidth() - pane.scrollLeft;
    zoom = clamp(wanted, 1, Math.max(1, most));
    timeline.style.setProperty("--zoom", zoom);
    draw();
    pane.scrollLeft = (anchor / duration) * trackWidth() - offset;
    find("zoom-out").disabled = zoom === 1;
    find("zoom-in").disabled = zoom >= most;
  };

  const svg = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };

  const drawRuler = () => {
    const most = Math.max(2, trackWidth() / 72);
    const step = STEPS.find((each) => duration / each < most) || 43200 * Math.ceil(duration / 43200 / most);
    const times = Array.from({ length: Math.floor(duration / step + 1e-9) + 1 }, (_, index) => index * step);
    const pixels = (seconds) => (seconds / duration) * trackWidth();
    const anchor = (seconds) => (pixels(seconds) < 14 ? "start" : pixels(duration - seconds) < 14 ? "end" : "middle");
    document.querySelector(".ruler").replaceChildren(
      ...times.map((each) => svg("text", { x: percent(each), y: "1.1em", "text-anchor": anchor(each) }, clock(each))));
    document.querySelector(".grid").replaceChildren(
      ...times.map((each) => svg("line", { x1: percent(each), x2: percent(each), y1: 0, y2: "100%" }, "")));
  };

  // Lanes whose bars would merge are shaded by coverage, in as many bins as the zoom has room for (see shades in rows.py).
  const merged = all(".track").filter((track) => track.querySelector(".shade")).map((track) => {
    const [label, modality] = [result.labels[track.parentElement.dataset.label], track.dataset.stream];
    const events = result.events.filter((each) => each.label === label && each.modality === modality);
    return { group: track.querySelector("g"), modality, events: events.sort((one, other) => one.start - other.start) };
  });

  const rect = (kind, start, end, opacity, hint) => {
    const extent = { x: percent(start), width: percent(end - start), y: 1, height: "100%" };
    const bar = svg("rect", { class: `bar ${kind}`, ...extent, ...(opacity < 1 ? { opacity } : {}) }, "");
    bar.append(svg("title", {}, hint));
    return bar;
  };

  const drawLane = ({ group, modality, events }) => {
    const bin = duration / Math.round(BINS * zoom);
    const close = events.some((each, index) => index && each.start - events[index - 1].end < bin);
    if (bin <= segment || !close) {
      group.replaceChildren(...events.map((each) => rect(modality, each.start, each.end, 1,
        `${words[modality]} ${clock(each.start)}–${clock(each.end)}, confidence ${each.confidence.toFixed(3)}`)));
      return;
    }
    const covered = new Map();
    for (const { start, end } of events) {
      for (let index = Math.floor(start / bin); index * bin < end; index += 1) {
        const part = Math.min(end, (index + 1) * bin) - Math.max(start, index * bin);
        covered.set(index, (covered.get(index) || 0) + part / bin);
      }
    }
    const runs = [];
    for (const [index, share] of [...covered].sort(([one], [other]) => one - other)) {
      const [level, last] = [Math.min(LEVELS, Math.ceil(share * LEVELS - 1e-6)), runs[runs.length - 1]];
      if (level && last && last.stop === index && last.level === level) last.stop = index + 1;
      else if (level) runs.push({ start: index, stop: index + 1, level });
    }
    group.replaceChildren(...runs.map(({ start, stop, level }) => rect(`shade ${modality}`, start * bin, stop * bin, 0.3 + (0.7 * level) / LEVELS,
      `${words[modality]} in up to ${(100 * level) / LEVELS} % of ${clock(start * bin)}–${clock(stop * bin)}`)));
  };

  const draw = () => {
    drawRuler();
    merged.forEach(drawLane);
  };

  // The filter.

  const plain = (label) => label.normalize("NFKC").toLowerCase();
  const labels = result.labels.map(plain);
  const labelled = all("[data-label]");

  const filter = () => {
    const query = plain(find("filter").value.trim());
    const wanted = labels.map((label) => label.includes(query));
    for (const element of labelled) element.hidden = !wanted[element.dataset.label];
    if (query && find("rest")) find("rest").open = true;
    find("match-count").textContent = query && `${wanted.filter(Boolean).length} of ${labels.length}`;
    for (const box of all(".tools input[type=checkbox]")) {
      if (box.value === "rejected") timeline.classList.toggle("with-rejected", box.checked);
      else root.classList.toggle(`no-${box.value}`, !box.checked);
    }
  };

  // What the reader does.

  const keys = {
    ArrowRight: (far) => seekAndReveal((Math.floor(at / segment + 1e-6) + (far ? 10 : 1)) * segment),
    ArrowLeft: (far) => seekAndReveal((Math.ceil(at / segment - 1e-6) - (far ? 10 : 1)) * segment),
    Home: () => seekAndReveal(0),
    End: () => seekAndReveal(duration),
    "+": () => setZoom(zoom * 2),
    "-": () => setZoom(zoom / 2),
    " ": () => media && (media.paused ? play() : media.pause()),
  };
  const same = { ArrowUp: "ArrowRight", ArrowDown: "ArrowLeft", PageUp: "ArrowRight", PageDown: "ArrowLeft", "=": "+", Enter: " " };
  for (const [name, value] of Object.entries({ role: "slider", tabindex: 0, "aria-label": "Position", "aria-valuemin": 0, "aria-valuemax": duration })) {
    position.setAttribute(name, value);
  }
  position.append(knob);
  position.addEventListener("keydown", (press) => {
    const act = keys[same[press.key] || press.key];
    if (!act || press.ctrlKey || press.metaKey || press.altKey) return;
    press.preventDefault();
    act(press.shiftKey || press.key.startsWith("Page"));
  });
  position.addEventListener("pointerdown", (press) => {
    position.setPointerCapture(press.pointerId);
    seek(secondsAt(position, press));
  });
  position.addEventListener("pointermove", (move) => {
    if (position.hasPointerCapture(move.pointerId)) seek(secondsAt(position, move));
  });
  document.addEventListener("click", (click) => {
    const area = click.target.closest("[data-seek]");
    const button = click.target.closest("button[data-start]");
    if (area && area !== position) seek(secondsAt(area, click));
    if (button) {
      seekAndReveal(Number(button.dataset.start));
      play();
    }
  });
  find("zoom-in").addEventListener("click", () => setZoom(zoom * 2));
  find("zoom-out").addEventListener("click", () => setZoom(zoom / 2));
  pane.addEventListener("wheel", (turn) => {
    if (!turn.ctrlKey) return;
    turn.preventDefault();
    setZoom(zoom * 2 ** (-turn.deltaY / 200));
  }, { passive: false });
  const form = document.querySelector(".tools");
  form.addEventListener("input", filter);
  form.addEventListener("submit", (submit) => submit.preventDefault());
  const unfold = () => {
    for (let part = find(location.hash.slice(1)); part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (location.hash) find(location.hash.slice(1))?.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  new ResizeObserver(() => setZoom(zoom)).observe(pane);
  if (media) {
    for (const name of ["play", "timeupdate", "seeked"]) media.addEventListener(name, follow);
    const unplayable = () => find("unplayable").removeAttribute("hidden");
    media.addEventListener("error", unplayable, true);
    if (media.error) unplayable();
  }
  all(".cursor").forEach((cursor) => watch.observe(cursor));
  filter();
  show(0);
  unfold();
})();
