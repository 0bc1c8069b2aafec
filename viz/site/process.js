"use strict";
// A world as tables: what view_table.py and play_data.py write.

// The states that are drawn, by number.
class Views {
  constructor(world, arrays, prefix) {
    Object.assign(this, world.lists);
    this.stage = world.stage;
    for (const name of ["layout", "cells", "carried", "word", "field", "sight", "look"]) this[name] = arrays[prefix + name];
  }

  frame(number) {
    const bodies = this.stage.bodies.length, of = (array) => Array.from(array.subarray(number * bodies, (number + 1) * bodies));
    const frame = { layout: this.layout[number], cells: of(this.cells), carried: of(this.carried), words: this.rows[this.word[number]].map((index) => this.words[index]) };
    if (this.seen.length) frame.seen = this.seen[this.sight[number]];
    if (this.looks.length) frame.looks = this.looks[this.look[number]];
    if (!this.stage.height) frame.fields = this.fields[this.field[number]];
    return frame;
  }
}

// A random number from 0 to 1 for a seed and a tick: the same whenever it is asked for (the mixing of mulberry32).
function luck(seed, tick) {
  let t = Math.imul(seed + 1, 0x9e3779b9) + Math.imul(tick + 1, 0x6d2b79f5);
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

// A finite process of one agent's actions, and the exact plan in it.
class Process {
  constructor(data, arrays) {
    Object.assign(this, data);
    this.arrays = arrays;
    this.first = new Uint32Array(arrays.outcomes.length + 1);
    arrays.outcomes.forEach((count, row) => { this.first[row + 1] = this.first[row] + count; });
  }

  available(state) { return this.actions.map((_, action) => this.arrays.outcomes[state * this.actions.length + action] > 0); }

  outcomes(state, action) {
    const row = state * this.actions.length + action, found = [];
    for (let m = this.first[row]; m < this.first[row + 1]; m++) found.push({ next: this.arrays.next[m], chance: this.chances[this.arrays.chance[m]], pay: this.arrays.pay[m] });
    return found;
  }

  begin(seed) { return this.start[drawn(this.startChance, luck(seed, 0))]; }

  does(state, action, seed, tick) {
    const outcomes = this.outcomes(state, action);
    return outcomes[drawn(outcomes.map((each) => each.chance), luck(seed, tick + 1))];
  }

  // A row of pay: K rewards, hidden performance, weighted reward, events.
  paid(pay) {
    const row = this.pays[pay], k = this.channels;
    return { pays: row.slice(0, k), performance: row[k], paid: row[k + 1], events: this.happens[row[k + 2]] };
  }

  over(state, tick) {
    const end = this.arrays.end[state];
    if (end) return this.reasons[end - 1];
    if (!this.available(state).some((can) => can)) return "nothing can be done";
    return this.steps && tick >= this.steps ? "time is up" : null;
  }

  // What the plan has from a state on: one row for all ticks, or one for each.
  planned(name, state, tick, wide) {
    const table = this.arrays[name];
    if (!table) return null;
    const row = this.timed ? tick : 0;
    if (this.timed && tick >= this.steps) return wide > 1 ? new Array(wide).fill(0) : null;
    const at = (row * this.states + state) * wide;
    return wide > 1 ? table.subarray(at, at + wide) : table[at];
  }

  // What each action is worth, channel by channel: what it pays, and what the plan makes of what comes of it.
  worth(state, tick) {
    const k = this.channels;
    if (!this.arrays.values) return null;
    const values = (s) => (k > 1 ? this.planned("values", s, tick + 1, k) : [this.planned("values", s, tick + 1, 1) || 0]);
    return this.actions.map((_, action) => {
      const sum = new Array(k).fill(0);
      for (const { next, chance, pay } of this.outcomes(state, action)) {
        const onwards = this.arrays.end[next] ? null : values(next);
        for (let i = 0; i < k; i++) sum[i] += chance * (this.pays[pay][i] + (onwards ? this.discount * onwards[i] : 0));
      }
      return sum;
    });
  }

  // The plan's way from a state, where chance takes its likeliest turn.
  line(state, tick, most) {
    const steps = [];
    while (steps.length < most && this.over(state, tick) === null) {
      const action = this.planned("policy", state, tick, 1);
      if (action === null || action === undefined) break;
      state = this.outcomes(state, action).reduce((best, each) => (each.chance > best.chance ? each : best)).next;
      tick += 1;
      steps.push([action, state]);
    }
    return steps;
  }
}

function drawn(chances, at) {
  let sum = 0;
  for (let index = 0; index < chances.length; index++) {
    sum += chances[index];
    if (at < sum) return index;
  }
  return chances.length - 1;
}
