"use strict";
// The gallery: a looping clip for each card, drawn by the report's own board. Needs unpack.js and player.js.
const PACE = 260, REST = 6;

class Clip {
  constructor({ stage, frames }, room) {
    this.stage = stage; this.frames = frames; this.at = 0; this.seen = false;
    this.canvas = stage.height ? make("canvas", {}) : null;
    this.fields = this.canvas ? null : make("div", { class: "fields" });
    room.append(this.canvas || this.fields);
    if (this.fields) this.telling();
    this.board = this.canvas ? new Board(stage, 180) : null;
    this.draw();
  }

  // The few fields that there is room for: those that change come first.
  telling() {
    const changes = (index) => this.frames.some((frame) => frame.fields[index][0] !== this.frames[0].fields[index][0]);
    const few = this.stage.fields.map((_, index) => index).sort((a, b) => changes(b) - changes(a) || a - b).slice(0, 2);
    this.stage = { ...this.stage, fields: few.map((index) => this.stage.fields[index]) };
    this.frames = this.frames.map((frame) => ({ ...frame, fields: few.map((index) => frame.fields[index]) }));
  }

  draw() {
    const at = Math.min(this.at, this.frames.length - 1);
    if (this.board) this.board.draw(this.canvas, this.frames, at, { sight: true, plan: false, way: true, worth: false });
    else this.fields.replaceChildren(...fieldCards(this.stage, this.frames[at], this.frames[at - 1]));
  }

  // A clip rests at its end before it begins anew.
  on() { this.at = (this.at + 1) % (this.frames.length + REST); this.draw(); }
}

async function opened() {
  const [data] = await unpack(document.getElementById("data").textContent);
  const clips = [...document.querySelectorAll("[data-clip]")].map((room) => {
    const clip = data.clips[Number(room.dataset.clip)];
    if (clip.frames.length && (clip.stage.height || clip.stage.fields.length)) return [room, new Clip(clip, room)];
    room.append(...clip.stage.agents.map((agent) => make("p", { class: "muted" }, words(agent.name) + ": " + agent.actions.map(words).join(", or "))));
    return null;
  }).filter((each) => each);
  const by = new Map(clips), watching = new IntersectionObserver((found) => found.forEach((each) => { by.get(each.target).seen = each.isIntersecting; }));
  clips.forEach(([room]) => watching.observe(room));
  let moving = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const pause = document.getElementById("pause"), search = document.getElementById("search"), count = document.getElementById("count");
  const said = () => { pause.textContent = moving ? "Pause the clips" : "Play the clips"; };
  pause.addEventListener("click", () => { moving = !moving; said(); });
  said();
  setInterval(() => { if (moving && !document.hidden) clips.forEach(([, clip]) => clip.seen && clip.on()); }, PACE);
  const again = () => clips.forEach(([, clip]) => clip.draw());
  new ResizeObserver(again).observe(document.querySelector("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase().split(/\s+/);
    let shown = 0;
    for (const section of document.querySelectorAll("section.family")) {
      let any = 0;
      for (const card of section.querySelectorAll(".card")) {
        const fits = wanted.every((word) => card.textContent.toLowerCase().includes(word));
        card.hidden = !fits;
        any += fits;
      }
      section.hidden = !any;
      shown += any;
    }
    count.textContent = shown + (shown === 1 ? " scenario" : " scenarios");
  });
  document.documentElement.dataset.ready = "yes";
}
opened();
