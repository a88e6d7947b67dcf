/** The page that publishes one stream: it opens what is chosen, shows it, publishes it, and says what goes out. */
import { addressOf, of } from "./base.js";
import { showFigures } from "./figures.js";
import { showLevel } from "./level.js";
import { limits } from "./limits.js";
import { Outgoing } from "./outgoing.js";
import { devicesOf, open, sorry } from "./sources.js";

/** @type {import("./sources.js").Source | undefined} */
let source;
/** @type {Outgoing | undefined} */
let outgoing;
let endLevel = () => {};
let endFigures = () => {};
let opened = 0; // counts: what was asked for before is not wanted any more
let recording = false;
let able = false;

const kind = () => document.querySelector("#kinds :checked").value;

function message(text) {
  of("message").textContent = text;
}
function state(text, live = false) {
  of("state").textContent = text;
  of("state").classList.toggle("live", live);
}
function note(text) {
  of("note").textContent = text;
}

// What is published.

/** How it is encoded, as NetStream takes it. */
function settings() {
  const bitrate = of("bitrate").valueAsNumber;
  const codec = of("codec").value;
  const lines = Number(of("size").value);
  return {
    video: {
      framerate: Number(of("fps").value),
      keyFrameInterval: Number(of("keys").value),
      ...(codec ? { codecs: [codec] } : {}),
      ...(lines ? { maxHeight: lines } : {}),
      ...(bitrate > 0 ? { bitrate: bitrate * 1000 } : {}),
    },
    audio: { bitrate: Number(of("soundrate").value) * 1000 },
  };
}

function attach() {
  const { video, audio } = settings();
  try {
    outgoing?.attach(source?.video, video, source?.audio, audio);
  } catch (e) {
    note(e.message);
  }
}

/** Opens what the form names in place of what there is. */
async function openSource() {
  const turn = ++opened;
  const which = kind();
  const file = of("file").files[0];
  if (which === "file" && !file) return;
  // A camera gives way first: many let nobody else have them. A screen that was not chosen leaves what there is.
  if (which !== "screen") closeSource();
  of("open").disabled = true;
  message(which === "file" ? "Opening the file…" : "The browser asks whether this page may.");
  try {
    const found = await open[which]({
      camera: of("camera").value,
      sound: of("sound").value,
      lines: Number(of("size").value) || undefined,
      fps: Number(of("fps").value),
      loop: of("loop").checked,
      file,
      ended: (what) => turn === opened && gone(what),
    });
    if (turn !== opened) {
      found.stop();
      return;
    }
    closeSource();
    source = found;
    show();
    attach();
    await fillDevices();
  } catch (e) {
    if (turn === opened) message(sorry(which, e));
  } finally {
    if (turn === opened) {
      of("open").disabled = !able;
      buttons();
    }
  }
}

function show() {
  const { element, audio, video } = source;
  element.setAttribute("aria-label", "Preview");
  of("screen").prepend(element);
  message(video ? "" : "There is sound, and no picture.");
  of("mute").disabled = !audio;
  if (audio) {
    audio.enabled = of("mute").ariaPressed !== "true";
    endLevel = showLevel(audio, of("level"));
  }
}

function closeSource() {
  if (!source) return;
  endLevel();
  endLevel = () => {};
  source.stop();
  source.element.remove();
  source = undefined;
  of("mute").disabled = true;
  message("Choose what to publish.");
  buttons();
}

/** What was shown has ended by itself. */
function gone(what) {
  if (what === "camera") {
    note("The camera has gone: choose another.");
    return;
  }
  if (what === "screen") closeSource();
  message(what === "screen" ? "The screen is not shown any more." : "The file is over.");
  void end();
}

// Publishing.

/** Says at the field what is wrong with the key; empty: nothing is known to be. */
function keyIs(bad) {
  of("key").toggleAttribute("aria-invalid", false);
  if (bad) of("key").setAttribute("aria-invalid", "true");
  of("key-hint").textContent = bad || "It is sent to this server with the stream's name, and kept nowhere.";
}

function publish() {
  keyIs("");
  note("");
  state("Connecting…");
  recording = false;
  outgoing = new Outgoing({
    live() {
      state(recording ? "Live, and recorded" : "Live", true);
      note("");
      endFigures();
      endFigures = showFigures(outgoing.ns, outgoing.since);
    },
    lost() {
      state("The connection is lost. This page connects again.");
      endFigures();
    },
    over(reason, code) {
      over();
      if (!code.endsWith("BadName") || !/key/i.test(reason)) {
        state(`Not published: ${reason}`);
        return;
      }
      const why = /no key was given/.test(reason) ? "Publishing here needs a key." : /^Wrong publish key/.test(reason) ? "This publish key is wrong." : reason;
      state(`Not published. ${why}`);
      keyIs(why);
      of("key").focus();
    },
    recording(is, why) {
      recording = is;
      if (outgoing?.state === "live") state(is ? "Live, and recorded" : "Live", true);
      if (why) note(why);
    },
    note,
  });
  attach();
  buttons();
  void outgoing.begin({ key: of("key").value, type: of("type").value });
}

function over() {
  outgoing = undefined;
  endFigures();
  endFigures = () => {};
  buttons();
}

async function end() {
  const ending = outgoing;
  if (!ending || ending.ending) return;
  ending.ending = true;
  state("Ending…");
  of("publish").disabled = true;
  const recorded = recording;
  await ending.end();
  over();
  state(recorded ? "Ended, and recorded." : "Ended.");
}

// The form.

function buttons() {
  const button = of("publish");
  button.textContent = outgoing ? "End" : "Publish";
  button.classList.toggle("ends", !!outgoing);
  button.disabled = !outgoing && !(able && source);
  for (const id of ["key", "type"]) of(id).disabled = !!outgoing;
  const on = source?.kind === kind();
  of("open").textContent = kind() === "screen" ? (on ? "Stop showing" : "Choose what to show") : `Turn the camera ${on ? "off" : "on"}`;
}

/** Shows what the kind of source needs. */
function kindChosen() {
  for (const part of document.querySelectorAll("[data-of]")) part.hidden = !part.dataset.of.split(" ").includes(kind());
  buttons();
  void fillDevices();
}

function fill(select, options) {
  const { value } = select;
  select.replaceChildren(...options.map(({ id, label }) => new Option(label, id)));
  if (options.some(({ id }) => id === value)) select.value = value;
}

async function fillDevices() {
  const [cameras, microphones] = [await devicesOf("videoinput"), await devicesOf("audioinput")];
  const some = (list, one) => (list.some(({ id }) => id !== "") ? list : [{ id: "", label: one }]);
  fill(of("camera"), some(cameras, "Default camera"));
  const own = { screen: [{ id: "own", label: "What the screen plays" }], file: [{ id: "own", label: "Its own" }], camera: [] }[kind()];
  fill(of("sound"), [...own, ...some(microphones, "Default microphone"), { id: "none", label: "No sound" }]);
}

of("kinds").addEventListener("change", () => {
  // What there is goes on until another is opened; of who goes through them by keyboard nothing is asked.
  kindChosen();
  if (kind() === "file" && source?.kind !== "file") void openSource();
});
of("open").addEventListener("click", () => (source?.kind === kind() ? closeSource() : void openSource()));
of("file").addEventListener("change", () => void openSource());
of("loop").addEventListener("change", () => {
  if (source?.kind === "file") source.element.loop = of("loop").checked;
});
// What is chosen while it is open counts at once; a screen is not asked for again, except for other sound.
for (const id of ["camera", "sound"]) of(id).addEventListener("change", () => source?.kind === kind() && void openSource());
for (const id of ["size", "fps"]) of(id).addEventListener("change", () => (source?.kind === "camera" ? void openSource() : attach()));
for (const id of ["codec", "bitrate", "keys", "soundrate"]) of(id).addEventListener("change", attach);
of("mute").addEventListener("click", () => {
  const muted = of("mute").ariaPressed !== "true";
  of("mute").ariaPressed = String(muted);
  of("mute").textContent = muted ? "Muted" : "Mute";
  if (source?.audio) source.audio.enabled = !muted;
});
of("form").addEventListener("submit", (e) => {
  e.preventDefault();
  if (outgoing) void end();
  else if (source && able) publish();
});
of("key").addEventListener("input", () => keyIs(""));
navigator.mediaDevices?.addEventListener("devicechange", () => void fillDevices());
addEventListener("beforeunload", (e) => {
  if (outgoing) e.preventDefault();
});

of("watch").href = addressOf(new URL("../watch/", import.meta.url).href);
kindChosen();
able = await limits();
of("open").disabled = !able;
if (!able) {
  message("This page cannot publish here: see what it says below.");
  for (const element of of("form").elements) element.disabled = true;
}
