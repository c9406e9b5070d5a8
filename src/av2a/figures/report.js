"use strict";
(() => {
  const result = JSON.parse(document.getElementById("result").textContent);
  const duration = result.grid.duration_seconds;
  const words = { audio: "heard", visual: "seen", audio_visual: "both" };
  const media = document.querySelector("video, audio");
  const playhead = document.querySelector(".playhead");
  const position = document.getElementById("position");
  const clock = document.getElementById("clock");
  const now = document.getElementById("now");
  const cursors = [...document.querySelectorAll(".cursor")];
  const eventRows = [...document.querySelectorAll("tr[data-event]")];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  document.documentElement.classList.add("scripted");

  const spelled = (seconds) => {
    const tenths = Math.floor(seconds * 10 + 1e-6);
    const pad = (value) => String(value).padStart(2, "0");
    const [hour, minute] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
    return `${hour ? `${hour}:${pad(minute)}` : minute}:${pad(Math.floor(tenths / 10) % 60)}.${tenths % 10}`;
  };
  const short = (label) => (label.length > 60 ? `${label.slice(0, 59)}…` : label);

  const show = (seconds) => {
    const share = Math.min(1, Math.max(0, seconds / duration));
    playhead.style.left = `${share * 100}%`;
    for (const cursor of cursors) cursor.setAttribute("transform", `translate(${share * 1000} 0)`);
    if (document.activeElement !== position || media) position.value = seconds;
    clock.textContent = spelled(seconds);
    position.setAttribute("aria-valuetext", spelled(seconds));
    const current = result.events.map((event) => event.start <= seconds && seconds < event.end);
    for (const row of eventRows) row.classList.toggle("playing", current[Number(row.dataset.event)]);
    const happening = result.events.filter((_, index) => current[index]);
    now.textContent = happening.map((event) => `${short(event.label)} (${words[event.modality]})`).join(", ");
  };

  const seek = (seconds) => {
    const target = Math.min(duration, Math.max(0, seconds));
    if (media) media.currentTime = target;
    show(target);
  };

  const play = (seconds) => {
    seek(seconds);
    if (!media) return;
    media.play().catch(() => {});
    media.scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
  };

  const follow = () => {
    show(media.currentTime);
    if (!media.paused && !media.ended && !still.matches) requestAnimationFrame(follow);
  };

  for (const area of document.querySelectorAll("[data-seek]")) {
    area.addEventListener("click", (click) => {
      const box = area.getBoundingClientRect();
      seek(((click.clientX - box.left) / box.width) * duration);
    });
  }
  for (const button of document.querySelectorAll("button[data-start]")) {
    button.addEventListener("click", () => play(Number(button.dataset.start)));
  }
  position.addEventListener("input", () => seek(Number(position.value)));
  if (media) {
    for (const name of ["play", "timeupdate", "seeked"]) media.addEventListener(name, follow);
    const unplayable = () => document.getElementById("unplayable").removeAttribute("hidden");
    media.addEventListener("error", unplayable, true);
    if (media.error) unplayable();
  }
  show(0);
})();
